import { useState } from "react";
import type { ReactElement } from "react";
import { useTranslation } from "react-i18next";
import { formatBytes } from "@/components/formatBytes";
import { Icon } from "@/components/Icon";
import { Spinner } from "@/components/Spinner";
import { showToast } from "@/components/Toast";
import { useClient } from "@/matrix/ClientProvider";
import { useMedia } from "@/matrix/media";
import { ownFileUrl } from "@/matrix/uploads";
import type { MediaFacts, MessageItem } from "@/features/timeline/model/types";
import { saveMedia } from "./download";
import styles from "./FileMessage.module.css";
import { UploadProgress } from "./UploadProgress";

/** A file to save. */
export function FileMessage({ item, media }: { item: MessageItem; media: MediaFacts }): ReactElement {
  const { t } = useTranslation("timeline");
  const client = useClient();
  const [busy, setBusy] = useState(false);
  const save = async (): Promise<void> => {
    setBusy(true);
    try {
      await saveMedia(client, media);
    } catch {
      showToast(t("mediaFailed"), { kind: "error", action: { label: t("retry"), run: () => void save() } });
    } finally {
      setBusy(false);
    }
  };
  return (
    <div className={styles.file}>
      <span className={styles.sign}>
        {item.upload ? (
          <UploadProgress item={item} upload={item.upload} />
        ) : (
          <button type="button" className={styles.save} disabled={busy} aria-label={t("download", { name: media.name })} onClick={() => void save()}>
            {busy ? <Spinner /> : <Icon name="download" />}
          </button>
        )}
      </span>
      <span className={styles.text}>
        <b dir="auto">{media.name}</b>
        {media.sizeBytes !== undefined && <span>{formatBytes(media.sizeBytes)}</span>}
      </span>
    </div>
  );
}

/** A recording or a song, played in place. */
export function AudioMessage({ item, media }: { item: MessageItem; media: MediaFacts }): ReactElement {
  const local = item.upload?.preview ?? ownFileUrl(media.mxc);
  const { url } = useMedia(local === undefined ? media.mxc : undefined);
  const src = local ?? url;
  return (
    <div className={styles.audio}>
      {item.upload && <FileMessage item={item} media={media} />}
      {/* Captions do not exist for messages; the words around it are all there is. */}
      {/* eslint-disable-next-line jsx-a11y/media-has-caption -- see above */}
      {!item.upload && <audio controls preload="metadata" {...(src === undefined ? {} : { src })} aria-label={media.name} />}
    </div>
  );
}
