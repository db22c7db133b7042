import type { Room } from "matrix-js-sdk";
import { useState } from "react";
import type { ReactElement } from "react";
import { useTranslation } from "react-i18next";
import { Dialog } from "@/components/Dialog";
import { showToast } from "@/components/Toast";
import { errorKey } from "@/matrix/http";
import { PersonPicker } from "./PersonPicker";
import type { Person } from "./searchPeople";

/** Invites people into a room, one after another. */
export function InviteDialog({ room, onClose }: { room: Room; onClose: () => void }): ReactElement {
  const { t } = useTranslation(["newchat", "matrix"]);
  const [busyId, setBusyId] = useState<string>();

  const invite = async ({ userId, name }: Person): Promise<void> => {
    if (busyId) return;
    if (room.getMember(userId)?.membership === "join") return void showToast(t("alreadyIn", { name }));
    setBusyId(userId);
    try {
      await room.client.invite(room.roomId, userId);
      showToast(t("invitedDone", { name }));
    } catch (error) {
      showToast(t(errorKey(error), { ns: "matrix" }), { kind: "error" });
    }
    setBusyId(undefined);
  };

  return (
    <Dialog open onClose={onClose} title={t("invite", { name: room.name })} steady>
      <PersonPicker busyId={busyId} onPick={(person) => void invite(person)} />
    </Dialog>
  );
}
