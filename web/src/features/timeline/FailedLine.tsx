import type { ReactElement } from "react";
import { useTranslation } from "react-i18next";
import { useTimeline } from "./context";
import styles from "./FailedLine.module.css";
import type { MessageItem } from "./model/types";

const KNOWN = new Set(["network", "M_FORBIDDEN", "M_LIMIT_EXCEEDED", "M_TOO_LARGE", "M_RESOURCE_LIMIT_EXCEEDED"]);

/** Why a message did not go out, and the two things to do about it. */
export function FailedLine({ item }: { item: MessageItem }): ReactElement {
  const { t } = useTranslation("timeline");
  const { retry, discard } = useTimeline();
  const reason = item.failure !== undefined && KNOWN.has(item.failure) ? item.failure : "other";
  return (
    <div className={styles.failed} role="alert">
      <span>{t(`failed.${reason}`)}</span>
      <button type="button" onClick={() => retry(item)}>
        {t("retry")}
      </button>
      <button type="button" onClick={() => discard(item)}>
        {t("discard")}
      </button>
    </div>
  );
}
