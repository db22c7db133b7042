import type { CSSProperties, ReactElement } from "react";
import { useTranslation } from "react-i18next";
import { hueOf } from "@/components/hue";
import { Icon } from "@/components/Icon";
import { IconButton } from "@/components/IconButton";
import type { ComposerIntent } from "@/matrix/composerIntent";
import styles from "./IntentBanner.module.css";

/** Says that what is written answers or changes a message, and lets go of it. */
export function IntentBanner({ intent, onCancel }: { intent: ComposerIntent; onCancel: () => void }): ReactElement {
  const { t } = useTranslation("composer");
  const sender = intent.event.getSender() ?? "";
  const body: unknown = intent.event.getContent()["body"];
  const reply = intent.kind === "reply";
  return (
    <div className={styles.banner} style={{ "--h": hueOf(sender) } as CSSProperties}>
      <Icon name={reply ? "reply" : "edit"} size={18} />
      <span className={styles.text}>
        <b dir="auto">{reply ? t("replyingTo", { name: intent.event.sender?.name ?? sender }) : t("editing")}</b>
        <span dir="auto">{typeof body === "string" ? body : ""}</span>
      </span>
      <IconButton icon="close" size="sm" label={t(reply ? "cancelReply" : "cancelEdit")} tooltip={false} onClick={onCancel} />
    </div>
  );
}
