import { useState } from "react";
import type { ReactElement } from "react";
import { useTranslation } from "react-i18next";
import { Button } from "@/components/Button";
import { Dialog } from "@/components/Dialog";
import { TextField } from "@/components/TextField";
import { useTimeline } from "./context";
import type { MessageItem } from "./model/types";

/** Asks a moderator for the reason before somebody else's message is removed. One's own need no question: there is "Undo". */
export function DeleteDialog({ item, onClose }: { item: MessageItem | undefined; onClose: () => void }): ReactElement {
  const { t } = useTranslation("timeline");
  const { remove } = useTimeline();
  const [reason, setReason] = useState("");

  const close = (): void => {
    setReason("");
    onClose();
  };
  const confirm = (): void => {
    if (item) remove(item, reason.trim());
    close();
  };

  return (
    <Dialog
      open={item !== undefined}
      onClose={close}
      size="sm"
      title={t("removeAsk.title")}
      actions={
        <>
          <Button onClick={close}>{t("removeAsk.cancel")}</Button>
          <Button variant="danger" onClick={confirm}>
            {t("removeAsk.confirm")}
          </Button>
        </>
      }
    >
      <p>{t("removeAsk.body", { name: item?.senderName ?? "" })}</p>
      <TextField
        label={t("removeAsk.reason")}
        hint={t("removeAsk.reasonHint")}
        value={reason}
        maxLength={500}
        onChange={(event) => setReason(event.target.value)}
        onKeyDown={(event) => event.key === "Enter" && !event.nativeEvent.isComposing && confirm()}
      />
    </Dialog>
  );
}
