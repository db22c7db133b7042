import { useState } from "react";
import type { ReactElement } from "react";
import { useTranslation } from "react-i18next";
import { Button } from "@/components/Button";
import { showToast } from "@/components/Toast";
import { RoomAvatar } from "@/matrix/avatars";
import { errorKey } from "@/matrix/http";
import { acceptInvite } from "@/matrix/rooms";
import { navigate } from "@/matrix/routes";
import styles from "./RoomList.module.css";
import type { RoomEntry } from "./RoomListViewModel";

/** An invitation with its two answers. */
export function InviteRow({ entry }: { entry: RoomEntry }): ReactElement {
  const { t } = useTranslation(["rooms", "matrix"]);
  const [busy, setBusy] = useState<"accept" | "decline" | null>(null);

  const answer = async (which: "accept" | "decline"): Promise<void> => {
    setBusy(which);
    try {
      if (which === "accept") {
        await acceptInvite(entry.room);
        navigate({ roomId: entry.roomId });
      } else {
        await entry.room.client.leave(entry.roomId);
      }
    } catch (error) {
      showToast(t(errorKey(error), { ns: "matrix" }), { kind: "error" });
    } finally {
      setBusy(null);
    }
  };

  return (
    <li className={styles.invite}>
      <RoomAvatar room={entry.room} />
      <div className={styles.texts}>
        <b dir="auto">{entry.name}</b>
        <span className={styles.line}>{t("invitedBy", { name: entry.invitedBy })}</span>
        <div className={styles.answers}>
          <Button variant="primary" busy={busy === "accept"} aria-label={`${t("accept")}: ${entry.name}`} onClick={() => void answer("accept")}>
            {t("accept")}
          </Button>
          <Button busy={busy === "decline"} aria-label={`${t("decline")}: ${entry.name}`} onClick={() => void answer("decline")}>
            {t("decline")}
          </Button>
        </div>
      </div>
    </li>
  );
}
