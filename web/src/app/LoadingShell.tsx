import type { ReactElement } from "react";
import { useTranslation } from "react-i18next";
import { BrandMark } from "@/components/Brand";
import { Skeleton } from "@/components/Skeleton";
import { VisuallyHidden } from "@/components/VisuallyHidden";
import { ConnectionBar } from "./ConnectionBar";
import styles from "./Shell.module.css";

/** The screen's geometry in grey, until there is something to show. */
export function LoadingShell(): ReactElement {
  const { t } = useTranslation("app");
  return (
    <div className={styles.app} data-view="list">
      <div className={styles.list}>
        <ConnectionBar />
        <div className={styles.loadingHead}>
          <BrandMark />
          <span>Chatbook</span>
        </div>
        <VisuallyHidden live="polite">{t("loading")}</VisuallyHidden>
        <div className={styles.loadingRows}>
          {Array.from({ length: 8 }, (_, row) => (
            <div key={row} className={styles.loadingRow}>
              <Skeleton shape={row % 3 ? "circle" : "square"} width={44} height={44} />
              <div>
                <Skeleton width={`${45 + ((row * 17) % 35)}%`} />
                <Skeleton width={`${60 + ((row * 13) % 35)}%`} />
              </div>
            </div>
          ))}
        </div>
      </div>
      <div className={styles.main} />
    </div>
  );
}
