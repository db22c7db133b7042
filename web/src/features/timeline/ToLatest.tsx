import type { ReactElement } from "react";
import { useTranslation } from "react-i18next";
import { Icon } from "@/components/Icon";
import styles from "./ToLatest.module.css";

/** Back to the newest messages, with how many came meanwhile. */
export function ToLatest({ hidden, unseen, onClick }: { hidden: boolean; unseen: number; onClick: () => void }): ReactElement {
  const { t } = useTranslation("timeline");
  return (
    <button
      type="button"
      className={styles.button}
      data-hidden={hidden || undefined}
      tabIndex={hidden ? -1 : 0}
      aria-hidden={hidden || undefined}
      aria-label={unseen > 0 ? t("toLatestNew", { count: unseen }) : t("toLatest")}
      onClick={onClick}
    >
      <Icon name="down" />
      {unseen > 0 && <span className={styles.count}>{unseen > 999 ? "999+" : unseen}</span>}
    </button>
  );
}
