import { useState } from "react";
import type { ReactElement } from "react";
import { useTranslation } from "react-i18next";
import { Icon } from "@/components/Icon";
import { useMedia } from "@/matrix/media";
import { ownFileUrl } from "@/matrix/uploads";
import { formatDuration } from "@/features/timeline/format";
import { fitMedia } from "@/features/timeline/model/mediaGeometry";
import type { MediaFacts, MessageItem } from "@/features/timeline/model/types";
import { useTimeline } from "@/features/timeline/context";
import { Blurhash } from "./Blurhash";
import styles from "./Picture.module.css";
import { UploadProgress } from "./UploadProgress";

interface PictureProps {
  readonly item: MessageItem;
  readonly media: MediaFacts;
  readonly kind: "image" | "video";
}

/** A picture or a video's first frame. Its box has its final size before anything has loaded. */
export function Picture({ item, media, kind }: PictureProps): ReactElement {
  const { t } = useTranslation("timeline");
  const { view } = useTimeline();
  const box = fitMedia(media.width, media.height);
  const local = item.upload?.preview ?? ownFileUrl(media.mxc);
  const animated = media.mime === "image/gif" || media.mime === "image/apng" || media.mime === "image/webp";
  // A moving picture would stand still as a thumbnail; a video without one has nothing to show.
  const source = local !== undefined ? undefined : kind === "video" ? media.thumbMxc : media.mxc;
  const { url, failed } = useMedia(source, animated && kind === "image" ? undefined : { ...box, method: "scale" });
  const [loaded, setLoaded] = useState<string>();
  const src = local ?? url;
  const still = kind === "image" || (local === undefined && url !== undefined);

  return (
    <div className={styles.frame} style={{ blockSize: box.height }}>
      <button
        type="button"
        className={styles.open}
        disabled={item.upload !== undefined}
        aria-label={t(kind === "image" ? "image" : "open", { name: media.caption ?? media.name })}
        onClick={() => view(item)}
      >
        {media.blurhash !== undefined && loaded === undefined && <Blurhash hash={media.blurhash} />}
        {src !== undefined && still && (
          <img
            className={styles.image}
            src={src}
            alt=""
            width={box.width}
            height={box.height}
            decoding="async"
            draggable={false}
            data-loaded={loaded === src || undefined}
            onLoad={() => setLoaded(src)}
          />
        )}
        {src !== undefined && !still && <video className={styles.image} src={src} muted preload="metadata" data-loaded />}
        {kind === "video" && item.upload === undefined && (
          <span className={styles.play}>
            <Icon name="play" size={24} />
          </span>
        )}
      </button>
      {failed && (
        <span className={styles.failed}>
          <Icon name="image" /> {t("mediaFailed")}
        </span>
      )}
      {kind === "video" && media.durationMs !== undefined && <span className={styles.duration}>{formatDuration(media.durationMs)}</span>}
      {item.upload && <UploadProgress item={item} upload={item.upload} />}
    </div>
  );
}
