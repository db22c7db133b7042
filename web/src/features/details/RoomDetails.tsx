import { EventType } from "matrix-js-sdk";
import type { Room } from "matrix-js-sdk";
import { useEffect, useMemo, useRef, useState } from "react";
import type { ReactElement } from "react";
import { useTranslation } from "react-i18next";
import { Icon } from "@/components/Icon";
import type { IconName } from "@/components/Icon";
import { IconButton } from "@/components/IconButton";
import { SearchField } from "@/components/SearchField";
import { showToast } from "@/components/Toast";
import { directPartner, RoomAvatar } from "@/matrix/avatars";
import { errorKey } from "@/matrix/http";
import { presenceOf } from "@/matrix/presence";
import { isMuted, isPinned, setMuted, setPinned } from "@/matrix/rooms";
import { navigate, openOverlay } from "@/matrix/routes";
import styles from "./details.module.css";
import { EditRoomDialog } from "./EditRoomDialog";
import { LeaveButton } from "./LeaveButton";
import { MemberList } from "./MemberList";
import { memberRows, powersOver } from "./members";
import { Photos } from "./Photos";

const FIND_FROM = 15;

/** Picture, topic, actions, photos and the people of a room. */
export function RoomDetails({ room, version }: { room: Room; version: number }): ReactElement {
  const { t } = useTranslation(["details", "matrix"]);
  const { client } = room;
  const me = client.getSafeUserId();
  const scroller = useRef<HTMLDivElement>(null);
  const [find, setFind] = useState("");
  const [editing, setEditing] = useState(false);
  const membersLoaded = useMembers(room);
  const powers = powersOver(room, me);
  const mayBan = room.currentState.hasSufficientPowerLevelFor("ban", room.getMember(me)?.powerLevel ?? 0);
  // `version` stands for everything about the room that the rows are made of.
  // eslint-disable-next-line react-hooks/exhaustive-deps -- see above
  const rows = useMemo(() => memberRows(room, find, mayBan), [room, find, mayBan, version, membersLoaded]);
  const mayEdit = [EventType.RoomName, EventType.RoomTopic, EventType.RoomAvatar].some((type) => room.currentState.maySendStateEvent(type, me));
  const topic = room.currentState.getStateEvents(EventType.RoomTopic, "")?.getContent<{ topic?: string }>().topic;
  const alias = room.getCanonicalAlias();
  const partner = directPartner(room);
  const muted = useOptimistic(isMuted(room));
  const pinned = useOptimistic(isPinned(room));

  const run = (work: Promise<void>, undo: () => void): void =>
    void work.catch((error: unknown) => {
      undo();
      showToast(t(errorKey(error), { ns: "matrix" }), { kind: "error" });
    });

  return (
    <div ref={scroller} className={styles.panel}>
      <IconButton icon="close" label={t("close")} tooltip={false} className={styles.close ?? ""} onClick={() => navigate({ roomId: room.roomId })} />
      <div className={styles.top}>
        <RoomAvatar room={room} size={76} presence={partner ? presenceOf(client.getUser(partner)) : undefined} />
        <h2 dir="auto">{room.name}</h2>
        {topic ? (
          <p className={styles.topic} dir="auto">
            {topic}
          </p>
        ) : (
          partner && <p className={styles.topic}>{partner}</p>
        )}
        {alias && (
          <button type="button" className={styles.alias} title={t("copyAddress")} onClick={() => void copy(alias).then(() => showToast(t("copied")))}>
            {alias}
            <Icon name="copy" size={14} />
          </button>
        )}
      </div>
      <div className={styles.acts}>
        <Act icon="invite" label={t("invite")} disabled={!powers.invite} onClick={() => openOverlay({ name: "invite" })} />
        <Act
          icon={muted.value ? "bellOff" : "bell"}
          label={muted.value ? t("muted") : t("mute")}
          pressed={muted.value}
          onClick={() => run(setMuted(room, muted.flip()), muted.undo)}
        />
        <Act
          icon="pin"
          label={pinned.value ? t("pinned") : t("pin")}
          pressed={pinned.value}
          onClick={() => run(setPinned(room, pinned.flip()), pinned.undo)}
        />
        <Act icon="edit" label={t("edit")} disabled={!mayEdit} onClick={() => setEditing(true)} />
      </div>
      <Photos room={room} />
      {room.getJoinedMemberCount() > FIND_FROM && (
        <SearchField className={styles.find} size="sm" label={t("findMember")} value={find} onValue={setFind} onClear={() => setFind("")} />
      )}
      <MemberList room={room} rows={rows} scroller={scroller} loading={!membersLoaded} />
      <LeaveButton room={room} />
      {editing && <EditRoomDialog room={room} onClose={() => setEditing(false)} />}
    </div>
  );
}

interface ActProps {
  icon: IconName;
  label: string;
  pressed?: boolean;
  disabled?: boolean;
  onClick: () => void;
}

function Act({ icon, label, pressed, disabled, onClick }: ActProps): ReactElement {
  return (
    <button type="button" className={styles.act} aria-pressed={pressed} disabled={disabled} onClick={onClick}>
      <span className={styles.actIcon}>
        <Icon name={icon} />
      </span>
      {label}
    </button>
  );
}

/** Members come lazily with the messages; the list wants all of them. */
function useMembers(room: Room): boolean {
  const [loaded, setLoaded] = useState(() => room.membersLoaded());
  useEffect(() => {
    let mounted = true;
    room.loadMembersIfNeeded().then(
      () => mounted && setLoaded(true),
      () => mounted && setLoaded(true),
    );
    return () => {
      mounted = false;
    };
  }, [room]);
  return loaded;
}

/** Shows the new value at once; the truth takes over when it arrives. */
function useOptimistic(truth: boolean): { value: boolean; flip: () => boolean; undo: () => void } {
  const [guess, setGuess] = useState<{ from: boolean; to: boolean } | null>(null);
  const value = guess && guess.from === truth ? guess.to : truth;
  return {
    value,
    flip() {
      setGuess({ from: truth, to: !value });
      return !value;
    },
    undo: () => setGuess(null),
  };
}

async function copy(text: string): Promise<void> {
  await navigator.clipboard?.writeText(text);
}
