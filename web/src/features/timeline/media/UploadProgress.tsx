import type { ReactElement } from "react";
import { useTranslation } from "react-i18next";
import { Icon } from "@/components/Icon";
import type { Upload } from "@/matrix/uploads";
import { useTimeline } from "@/features/timeline/context";
import type { MessageItem } from "@/features/timeline/model/types";
import styles from "./UploadProgress.module.css";

const RADIUS = 20;
const AROUND = 2 * Math.PI * RADIUS;

/** A ring that fills with the bytes that are really sent; pressing it cancels. */
export function UploadProgress({ item, upload }: { item: MessageItem; upload: Upload }): ReactElement | null {
  const { t } = useTranslation("timeline");
  const { discard } = useTimeline();
  if (upload.state === "failed") return null;
  return (
    <div className={styles.wrap}>
      <span
        role="progressbar"
        aria-label={t("uploading", { name: upload.name })}
        aria-valuemin={0}
        aria-valuemax={100}
        aria-valuenow={Math.round(upload.progress * 100)}
        className={styles.ring}
      >
        <svg viewBox="0 0 48 48" aria-hidden="true">
          <circle cx="24" cy="24" r={RADIUS} className={styles.track} />
          <circle
            cx="24"
            cy="24"
            r={RADIUS}
            className={styles.bar}
            strokeDasharray={AROUND}
            strokeDashoffset={AROUND * (1 - Math.max(0.02, upload.progress))}
          />
        </svg>
      </span>
      <button type="button" className={styles.cancel} aria-label={t("cancelUpload")} onClick={() => discard(item)}>
        <Icon name="close" size={20} />
      </button>
    </div>
  );
}
