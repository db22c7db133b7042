import { RoomEvent } from "matrix-js-sdk";
import type { Room } from "matrix-js-sdk";
import { useCallback, useState, useSyncExternalStore } from "react";
import type { ReactElement } from "react";
import { useTranslation } from "react-i18next";
import { Avatar } from "@/components/Avatar";
import { Button } from "@/components/Button";
import { FormError } from "@/components/Form";
import { IconButton } from "@/components/IconButton";
import { RoomAvatar } from "@/matrix/avatars";
import { useClient } from "@/matrix/ClientProvider";
import { errorKey } from "@/matrix/http";
import { acceptInvite } from "@/matrix/rooms";
import { navigate } from "@/matrix/routes";
import styles from "./newchat.module.css";

/** What stands in the place of a room the person is not in: an invitation, or an offer to join. */
export function JoinScreen({ address }: { address: string }): ReactElement {
  const { t } = useTranslation(["newchat", "matrix"]);
  const client = useClient();
  const invited = useInvite(address);
  const [busy, setBusy] = useState<"join" | "decline" | null>(null);
  const [error, setError] = useState<string>();

  const act = async (which: "join" | "decline"): Promise<void> => {
    setBusy(which);
    setError(undefined);
    try {
      if (which === "decline") {
        await client.leave(address);
        return navigate({}, { replace: true });
      }
      if (invited) await acceptInvite(invited);
      else navigate({ roomId: (await client.joinRoom(address)).roomId }, { replace: true });
    } catch (failure) {
      setError(t(errorKey(failure), { ns: "matrix" }));
    }
    setBusy(null);
  };

  const inviter = invited ? inviterName(invited) : "";
  return (
    <main className={styles.screen}>
      <IconButton icon="back" label={t("back")} className={styles.screenBack ?? ""} tooltip={false} onClick={() => navigate({})} />
      {invited ? <RoomAvatar room={invited} size={76} /> : <Avatar id={address} name={address} size={76} shape="room" />}
      <h1 dir="auto">{invited ? invited.name : t("unknownRoom")}</h1>
      <p>{invited ? t(invited.getDMInviter() ? "invitedDirect" : "invited", { name: inviter }) : t("unknownRoomHint")}</p>
      <FormError>{error}</FormError>
      <div className={styles.screenActions}>
        {invited && (
          <Button busy={busy === "decline"} onClick={() => void act("decline")}>
            {t("decline")}
          </Button>
        )}
        <Button variant="primary" busy={busy === "join"} onClick={() => void act("join")}>
          {invited ? t("accept") : t("joinRoom")}
        </Button>
      </div>
    </main>
  );
}

function useInvite(address: string): Room | undefined {
  const client = useClient();
  const subscribe = useCallback(
    (listener: () => void) => {
      client.on(RoomEvent.MyMembership, listener);
      client.on(RoomEvent.Name, listener);
      return () => {
        client.off(RoomEvent.MyMembership, listener);
        client.off(RoomEvent.Name, listener);
      };
    },
    [client],
  );
  return useSyncExternalStore(subscribe, () => {
    const room = client.getRoom(address);
    return room?.getMyMembership() === "invite" ? room : undefined;
  });
}

function inviterName(room: Room): string {
  const sender = room.getMember(room.client.getSafeUserId())?.events.member?.getSender() ?? "";
  return room.getMember(sender)?.rawDisplayName || sender;
}
