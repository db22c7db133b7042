import type { Room } from "matrix-js-sdk";
import { useState } from "react";
import type { ReactElement } from "react";
import { useTranslation } from "react-i18next";
import { Button } from "@/components/Button";
import { ConfirmDialog } from "@/components/ConfirmDialog";
import { showToast } from "@/components/Toast";
import { errorKey } from "@/matrix/http";
import { isPublic } from "@/matrix/rooms";
import { navigate } from "@/matrix/routes";
import styles from "./details.module.css";

export function LeaveButton({ room }: { room: Room }): ReactElement {
  const { t } = useTranslation(["details", "matrix"]);
  const [asking, setAsking] = useState(false);
  const leave = async (): Promise<void> => {
    try {
      await room.client.leave(room.roomId);
      navigate({}, { replace: true });
    } catch (error) {
      showToast(t(errorKey(error), { ns: "matrix" }), { kind: "error" });
      setAsking(false);
    }
  };
  return (
    <div className={styles.leave}>
      <Button variant="danger" icon="logout" onClick={() => setAsking(true)}>
        {t("leave")}
      </Button>
      {asking && (
        <ConfirmDialog
          open
          danger
          title={t("leaveTitle", { name: room.name })}
          confirm={t("leaveConfirm")}
          cancel={t("cancel")}
          onConfirm={leave}
          onClose={() => setAsking(false)}
        >
          {isPublic(room) ? t("leavePublic") : t("leavePrivate")}
        </ConfirmDialog>
      )}
    </div>
  );
}
