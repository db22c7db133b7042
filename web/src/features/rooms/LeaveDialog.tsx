import type { ReactElement } from "react";
import { useTranslation } from "react-i18next";
import { ConfirmDialog } from "@/components/ConfirmDialog";
import { showToast } from "@/components/Toast";
import { errorKey } from "@/matrix/http";
import { isPublic } from "@/matrix/rooms";
import { navigate } from "@/matrix/routes";
import type { RoomEntry } from "./RoomListViewModel";

export function LeaveDialog({ entry, selected, onClose }: { entry: RoomEntry; selected: boolean; onClose: () => void }): ReactElement {
  const { t } = useTranslation(["rooms", "matrix"]);
  const leave = async (): Promise<void> => {
    try {
      await entry.room.client.leave(entry.roomId);
      if (selected) navigate({});
    } catch (error) {
      showToast(t(errorKey(error), { ns: "matrix" }), { kind: "error" });
    }
    onClose();
  };
  return (
    <ConfirmDialog
      open
      danger
      title={t("leave.title", { name: entry.name })}
      confirm={t("leave.confirm")}
      cancel={t("leave.cancel")}
      onConfirm={leave}
      onClose={onClose}
    >
      {isPublic(entry.room) ? t("leave.public") : t("leave.private")}
    </ConfirmDialog>
  );
}
