import type { IPublicRoomsChunkRoom } from "matrix-js-sdk";
import { useCallback, useState } from "react";
import type { ReactElement } from "react";
import { useTranslation } from "react-i18next";
import { Avatar } from "@/components/Avatar";
import { Button } from "@/components/Button";
import { Dialog } from "@/components/Dialog";
import { Notice } from "@/components/Notice";
import { SearchField } from "@/components/SearchField";
import { SkeletonList } from "@/components/SkeletonList";
import { showToast } from "@/components/Toast";
import { useDebounced } from "@/components/useDebounced";
import { useLoad } from "@/components/useLoad";
import { useClient } from "@/matrix/ClientProvider";
import { errorKey } from "@/matrix/http";
import { LoadFailure } from "@/matrix/LoadFailure";
import { useMediaUrl } from "@/matrix/media";
import { navigate } from "@/matrix/routes";
import styles from "./newchat.module.css";

const PAGE = 30;
const ALIAS = /^#[^:\s]+:\S+$/;

/** The public rooms of this server, and joining by address. */
export function ExploreDialog({ onClose }: { onClose: () => void }): ReactElement {
  const { t } = useTranslation(["newchat", "matrix"]);
  const client = useClient();
  const [typed, setTyped] = useState("");
  const [limit, setLimit] = useState(PAGE);
  const [joining, setJoining] = useState<string>();
  const term = useDebounced(typed.trim());
  const load = useCallback(
    () => client.publicRooms({ limit, ...(term ? { filter: { generic_search_term: term } } : {}) }),
    [client, term, limit],
  );
  const { retry, ...result } = useLoad(load);
  const { state, data } = result;
  const rooms = data?.chunk ?? [];
  const address = ALIAS.test(typed.trim()) ? typed.trim() : undefined;

  const join = async (roomIdOrAlias: string): Promise<void> => {
    setJoining(roomIdOrAlias);
    try {
      const room = await client.joinRoom(roomIdOrAlias);
      navigate({ roomId: room.roomId }, { replace: true });
    } catch (error) {
      showToast(t(errorKey(error), { ns: "matrix" }), { kind: "error" });
      setJoining(undefined);
    }
  };

  return (
    <Dialog open onClose={onClose} title={t("explore")} size="lg" steady>
      <SearchField
        label={t("exploreSearch")}
        autoCapitalize="none"
        // The dialog was opened to look for something.
        // eslint-disable-next-line jsx-a11y/no-autofocus -- see above
        autoFocus
        value={typed}
        onValue={(value) => (setTyped(value), setLimit(PAGE))}
      />
      {address && (
        <Button variant="primary" className={styles.address} busy={joining === address} onClick={() => void join(address)}>
          {t("joinAddress", { address })}
        </Button>
      )}
      <div className={styles.results} aria-live="polite" aria-busy={state === "loading"}>
        {result.state === "failed" && <LoadFailure error={result.error} onRetry={retry} />}
        {state === "loading" && !data && <SkeletonList rows={4} shape="square" />}
        {state === "done" && rooms.length === 0 && <NoRooms query={term} />}
        <ul aria-label={t("explore")}>
          {rooms.map((room) => (
            <PublicRoom
              key={room.room_id}
              room={room}
              joined={client.getRoom(room.room_id)?.getMyMembership() === "join"}
              busy={joining === room.room_id}
              onJoin={() => void join(room.room_id)}
            />
          ))}
        </ul>
        {data?.next_batch && rooms.length >= limit && <Button onClick={() => setLimit(limit + PAGE)}>{t("more")}</Button>}
      </div>
    </Dialog>
  );
}

interface PublicRoomProps {
  room: IPublicRoomsChunkRoom;
  joined: boolean;
  busy: boolean;
  onJoin: () => void;
}

function PublicRoom({ room, joined, busy, onJoin }: PublicRoomProps): ReactElement {
  const { t } = useTranslation("newchat");
  const name = room.name || room.canonical_alias || room.room_id;
  const src = useMediaUrl(room.avatar_url, { width: 44, height: 44, method: "crop" });
  return (
    <li className={styles.room}>
      <Avatar id={room.room_id} name={name} src={src} shape="room" />
      <div className={styles.texts}>
        <b dir="auto">{name}</b>
        {room.topic && <p dir="auto">{room.topic}</p>}
        <small>{[t("members", { count: room.num_joined_members }), room.canonical_alias].filter(Boolean).join(" · ")}</small>
      </div>
      {joined ? (
        <Button aria-label={`${t("open")}: ${name}`} onClick={() => navigate({ roomId: room.room_id }, { replace: true })}>
          {t("open")}
        </Button>
      ) : (
        <Button variant="primary" busy={busy} aria-label={`${t("join")}: ${name}`} onClick={onJoin}>
          {t("join")}
        </Button>
      )}
    </li>
  );
}

function NoRooms({ query }: { query: string }): ReactElement {
  const { t } = useTranslation("newchat");
  if (query) return <Notice icon="search" title={t("noRoomsFound", { query })} />;
  const action = (
    <Button variant="primary" icon="people" onClick={() => navigate({ overlay: { name: "new-room" } }, { replace: true })}>
      {t("newRoom")}
    </Button>
  );
  return (
    <Notice icon="compass" title={t("noRooms")} action={action}>
      {t("noRoomsHint")}
    </Notice>
  );
}
