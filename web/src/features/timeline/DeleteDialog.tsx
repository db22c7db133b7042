import { useState } from "react";
import type { ReactElement } from "react";
import { useTranslation } from "react-i18next";
import { Button } from "@/components/Button";
import { Dialog } from "@/components/Dialog";
import { showToast } from "@/components/Toast";
import { useClient } from "@/matrix/ClientProvider";
import { useTimeline } from "./context";
import type { MessageItem } from "./model/types";

/** Asks before a message is taken away from everybody. */
export function DeleteDialog({ item, onClose }: { item: MessageItem | undefined; onClose: () => void }): ReactElement {
  const { t } = useTranslation("timeline");
  const client = useClient();
  const { room } = useTimeline();
  const [busy, setBusy] = useState(false);

  const remove = async (): Promise<void> => {
    if (!item) return;
    setBusy(true);
    try {
      await client.redactEvent(room.roomId, item.id);
    } catch {
      showToast(t("actionFailed"), { kind: "error" });
    } finally {
      setBusy(false);
      onClose();
    }
  };

  return (
    <Dialog
      open={item !== undefined}
      onClose={onClose}
      size="sm"
      title={t("deleteAsk.title")}
      actions={
        <>
          <Button onClick={onClose}>{t("deleteAsk.cancel")}</Button>
          <Button variant="danger" busy={busy} onClick={() => void remove()}>
            {t("deleteAsk.confirm")}
          </Button>
        </>
      }
    >
      <p>{t("deleteAsk.body")}</p>
    </Dialog>
  );
}
