import type { ReactElement } from "react";
import { useTranslation } from "react-i18next";
import { BrandMark } from "@/components/Brand";
import { SkeletonList } from "@/components/SkeletonList";
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
          <SkeletonList rows={8} shape="mixed" />
        </div>
      </div>
      <div className={styles.main} />
    </div>
  );
}
