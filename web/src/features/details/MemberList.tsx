import { useVirtualizer } from "@tanstack/react-virtual";
import type { Room, RoomMember } from "matrix-js-sdk";
import { useLayoutEffect, useRef, useState } from "react";
import type { ReactElement, RefObject } from "react";
import { useTranslation } from "react-i18next";
import { agoOf } from "@/components/ago";
import { ListRow } from "@/components/ListRow";
import { SkeletonList } from "@/components/SkeletonList";
import { MemberAvatar } from "@/matrix/avatars";
import { presenceOf } from "@/matrix/presence";
import { navigate } from "@/matrix/routes";
import styles from "./details.module.css";
import { roleOf } from "./members";
import type { MemberRow } from "./members";

interface MemberListProps {
  room: Room;
  rows: MemberRow[];
  /** What scrolls: the whole panel, of which the list is the last part. */
  scroller: RefObject<HTMLDivElement | null>;
  loading: boolean;
}

/** The people of a room; only the rows in view are in the document. */
export function MemberList({ room, rows, scroller, loading }: MemberListProps): ReactElement {
  const { t } = useTranslation("details");
  const list = useRef<HTMLDivElement>(null);
  const [offset, setOffset] = useState(0);
  useLayoutEffect(() => setOffset(list.current?.offsetTop ?? 0), [rows.length, loading]);
  const virtual = useVirtualizer({
    count: rows.length,
    getScrollElement: () => scroller.current,
    estimateSize: (index) => (rows[index]?.kind === "heading" ? 40 : 46),
    getItemKey: (index) => rows[index]?.key ?? index,
    overscan: 8,
    scrollMargin: offset,
    initialRect: { width: 288, height: 800 },
  });
  return (
    <section aria-label={t("members")}>
      <div ref={list} className={styles.members} style={{ blockSize: virtual.getTotalSize() }}>
        {virtual.getVirtualItems().map((item) => {
          const row = rows[item.index];
          if (!row) return null;
          const style = { transform: `translateY(${item.start - offset}px)`, blockSize: item.size };
          return row.kind === "heading" ? (
            <div key={item.key} className={styles.heading} style={style}>
              <h3>{t(row.title, { count: row.count })}</h3>
            </div>
          ) : (
            <div key={item.key} className={styles.memberRow} style={style}>
              <Person room={room} member={row.member} dim={row.dim} />
            </div>
          );
        })}
      </div>
      {loading && (
        <div aria-label={t("loadingMembers")} role="status">
          <SkeletonList rows={3} size={34} lines={1} />
        </div>
      )}
    </section>
  );
}

function Person({ room, member, dim }: { room: Room; member: RoomMember; dim: boolean }): ReactElement {
  const { t, i18n } = useTranslation("details");
  const me = room.client.getUserId() === member.userId;
  const role = roleOf(room, member.userId);
  const user = room.client.getUser(member.userId);
  const presence = me ? "online" : presenceOf(user);
  const seen = user?.getLastActiveTs() ?? 0;
  const side = member.typing && !me ? t("typing") : role !== "member" ? t(`role.${role}`) : dim && seen > 0 ? agoOf(seen, i18n.language) : me ? t("you") : "";
  return (
    <ListRow
      start={<MemberAvatar member={member} size={34} presence={presence} />}
      title={member.rawDisplayName || member.name}
      end={side}
      dim={dim}
      onClick={() => navigate({ roomId: room.roomId, panel: "person", personId: member.userId })}
    />
  );
}
