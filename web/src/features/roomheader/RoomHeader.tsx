import type { Room } from "matrix-js-sdk";
import { useEffect } from "react";
import type { ReactElement } from "react";
import { useTranslation } from "react-i18next";
import { IconButton } from "@/components/IconButton";
import { directPartner, RoomAvatar } from "@/matrix/avatars";
import { presenceOf } from "@/matrix/presence";
import { navigate, useRoute } from "@/matrix/routes";
import { agoOf } from "@/components/ago";
import { useRoomVersion } from "@/matrix/useRoomVersion";
import styles from "./RoomHeader.module.css";

/** Who or what this is, how many are here; tapping it opens the details. */
export function RoomHeader({ room }: { room: Room }): ReactElement {
  const { t } = useTranslation("roomheader");
  const route = useRoute();
  useRoomVersion(room);
  // Members come lazily with what they say; counting who is online needs all of them.
  useEffect(() => void room.loadMembersIfNeeded().catch(() => {}), [room]);
  const open = Boolean(route.panel);
  const partner = directPartner(room);
  const presence = partner ? presenceOf(room.client.getUser(partner)) : undefined;
  const toggle = (): void => navigate(open ? { roomId: room.roomId } : { roomId: room.roomId, panel: "details" });
  return (
    <header className={styles.header}>
      <IconButton icon="back" className={styles.back ?? ""} label={t("back")} tooltip={false} onClick={() => navigate({})} />
      <RoomAvatar room={room} size={40} presence={presence} />
      <button type="button" className={styles.title} onClick={toggle} tabIndex={-1} aria-hidden="true" />
      <div className={styles.texts}>
        <h1 dir="auto">{room.name}</h1>
        <p className={styles.status}>{partner ? <PersonStatus room={room} userId={partner} /> : <Counts room={room} />}</p>
      </div>
      <div className={styles.icons}>
        <IconButton icon="panel" label={t("details")} aria-expanded={open} onClick={toggle} />
      </div>
    </header>
  );
}

function Counts({ room }: { room: Room }): ReactElement {
  const { t } = useTranslation("roomheader");
  const me = room.client.getUserId();
  const online = room.getJoinedMembers().filter((member) => member.userId === me || presenceOf(room.client.getUser(member.userId)) !== "offline").length;
  const counts = t("members", { count: room.getJoinedMemberCount() });
  return <>{online > 0 ? `${counts} · ${t("online", { count: online })}` : counts}</>;
}

function PersonStatus({ room, userId }: { room: Room; userId: string }): ReactElement {
  const { t, i18n } = useTranslation("roomheader");
  const user = room.client.getUser(userId);
  if (room.getMember(userId)?.typing) return <span className={styles.typing}>{t("typing")}</span>;
  const presence = presenceOf(user);
  const seen = user?.getLastActiveTs() ?? 0;
  if (presence === "offline" && seen > 0) return <>{t("lastSeen", { when: agoOf(seen, i18n.language) })}</>;
  return <>{t(`status.${presence}`)}</>;
}
