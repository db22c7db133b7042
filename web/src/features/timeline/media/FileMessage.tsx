import { useState } from "react";
import type { ReactElement, ReactNode } from "react";
import { useTranslation } from "react-i18next";
import { formatBytes } from "@/components/formatBytes";
import { Icon } from "@/components/Icon";
import { Spinner } from "@/components/Spinner";
import { useMedia } from "@/matrix/media";
import { ownFileUrl } from "@/matrix/uploads";
import { formatDuration } from "@/features/timeline/format";
import type { MediaFacts, MessageItem } from "@/features/timeline/model/types";
import styles from "./FileMessage.module.css";
import { UploadProgress } from "./UploadProgress";
import { useSave } from "./useSave";

interface FileProps {
  readonly item: MessageItem;
  readonly media: MediaFacts;
}

/** A file to save. */
export function FileMessage({ item, media }: FileProps): ReactElement {
  const { t } = useTranslation("timeline");
  const { save, busy } = useSave(media);
  return (
    <FileLine item={item} media={media}>
      <button type="button" className={styles.save} disabled={busy} aria-label={t("download", { name: media.name })} onClick={() => void save()}>
        {busy ? <Spinner /> : <Icon name="download" />}
      </button>
    </FileLine>
  );
}

/** A recording or a song. It is fetched when somebody wants to hear it, not before. */
export function AudioMessage({ item, media }: FileProps): ReactElement {
  const { t } = useTranslation("timeline");
  const [wanted, setWanted] = useState(false);
  const local = ownFileUrl(media.mxc);
  const { url, failed } = useMedia(wanted && local === undefined ? media.mxc : undefined);
  const src = local ?? url;
  if (wanted && src !== undefined) {
    return (
      <div className={styles.audio}>
        <b dir="auto">{media.name}</b>
        {/* Captions do not exist for messages; the words around it are all there is. */}
        {/* eslint-disable-next-line jsx-a11y/media-has-caption -- see above */}
        <audio controls autoPlay src={src} aria-label={media.name} />
      </div>
    );
  }
  const loading = wanted && !failed;
  return (
    <FileLine item={item} media={media}>
      <button
        type="button"
        className={styles.save}
        disabled={loading}
        aria-label={t(failed ? "playFailed" : "play", { name: media.name })}
        onClick={() => {
          // Pressed again after a failure it starts from the beginning.
          setWanted(false);
          requestAnimationFrame(() => setWanted(true));
        }}
      >
        {loading ? <Spinner /> : <Icon name={failed ? "retry" : "play"} />}
      </button>
    </FileLine>
  );
}

function FileLine({ item, media, children }: FileProps & { children: ReactNode }): ReactElement {
  const facts = [
    media.durationMs === undefined ? undefined : formatDuration(media.durationMs),
    media.sizeBytes === undefined ? undefined : formatBytes(media.sizeBytes),
  ].filter((fact) => fact !== undefined);
  return (
    <div className={styles.file}>
      <span className={styles.sign}>
        {!item.upload ? (
          children
        ) : item.upload.state === "failed" ? (
          <span className={styles.unsent}>
            <Icon name="file" />
          </span>
        ) : (
          <UploadProgress item={item} upload={item.upload} />
        )}
      </span>
      <span className={styles.text}>
        <b dir="auto">{media.name}</b>
        {facts.length > 0 && <span>{facts.join(" · ")}</span>}
      </span>
    </div>
  );
}
