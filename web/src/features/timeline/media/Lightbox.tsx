import { useRef } from "react";
import type { KeyboardEvent, MouseEvent, ReactElement } from "react";
import { useTranslation } from "react-i18next";
import { Button } from "@/components/Button";
import { Dialog } from "@/components/Dialog";
import { IconButton } from "@/components/IconButton";
import { Spinner } from "@/components/Spinner";
import { useMedia } from "@/matrix/media";
import { ownFileUrl } from "@/matrix/uploads";
import { formatFull } from "@/features/timeline/format";
import type { MediaFacts, MessageItem, Row } from "@/features/timeline/model/types";
import styles from "./Lightbox.module.css";
import { usePlace } from "./usePlace";
import { useSave } from "./useSave";
import { MAX_ZOOM } from "./zoom";

interface LightboxProps {
  readonly item: MessageItem;
  readonly rows: readonly Row[];
  readonly onView: (item: MessageItem) => void;
  readonly onClose: () => void;
}

/** Pictures and videos, full size: arrows go on, plus and minus zoom, dragging moves. */
export function Lightbox({ item, rows, onView, onClose }: LightboxProps): ReactElement | null {
  const { t } = useTranslation("timeline");
  const viewer = useRef<HTMLDivElement>(null);
  const media = item.content.kind === "image" || item.content.kind === "video" ? item.content : undefined;
  const all = rows.flatMap((row) => (row.type === "message" && isVisual(row.item) ? [row.item] : []));
  const at = all.findIndex((other) => other.id === item.id);
  const { place, zoomBy, toggleZoom, fit, handlers } = usePlace(media?.kind === "image", (way) => (way === "close" ? onClose() : go(way === "next" ? 1 : -1)));
  function go(step: number): void {
    const next = all[at + step];
    if (at < 0 || !next) return;
    fit();
    onView(next);
  }
  const { save } = useSave(media);
  if (!media) return null;

  const keys = (event: KeyboardEvent): void => {
    // A video has its own use for the arrows while it is in focus.
    if (event.target instanceof HTMLVideoElement || event.ctrlKey || event.metaKey || event.altKey) return;
    const acts: Readonly<Record<string, () => void>> = {
      ArrowLeft: () => go(-1),
      ArrowRight: () => go(1),
      "+": () => zoomBy(1.5),
      "=": () => zoomBy(1.5),
      "-": () => zoomBy(1 / 1.5),
      "0": fit,
    };
    const act = acts[event.key];
    if (!act) return;
    event.preventDefault();
    act();
  };

  return (
    <Dialog open onClose={onClose} bare size="full" initialFocus={viewer} title={t("viewer.title", { name: media.name, sender: item.senderName })}>
      {/* The keys serve the whole dialog; its buttons do the same for who cannot use them. */}
      {/* eslint-disable-next-line jsx-a11y/no-static-element-interactions -- see above */}
      <div ref={viewer} tabIndex={-1} className={styles.viewer} onKeyDown={keys}>
        <div className={styles.bar}>
          <span className={styles.facts}>
            <b dir="auto">{item.senderName}</b>
            <span>{formatFull(item.ts)}</span>
          </span>
          {media.kind === "image" && (
            <>
              <button type="button" className={styles.zoom} aria-label={t("viewer.zoomOut")} disabled={place.zoom === 1} onClick={() => zoomBy(1 / 1.5)}>
                −
              </button>
              <button type="button" className={styles.zoom} aria-label={t("viewer.zoomIn")} disabled={place.zoom === MAX_ZOOM} onClick={() => zoomBy(1.5)}>
                +
              </button>
            </>
          )}
          <IconButton icon="download" label={t("viewer.download")} tooltip={false} onClick={() => void save()} />
          <IconButton icon="close" label={t("viewer.close")} tooltip={false} onClick={onClose} />
        </div>
        {/* eslint-disable-next-line jsx-a11y/no-static-element-interactions, jsx-a11y/click-events-have-key-events -- Escape closes too */}
        <div
          className={styles.stage}
          data-zoomed={place.zoom > 1 || undefined}
          onClick={(event) => event.target === event.currentTarget && place.zoom === 1 && onClose()}
          onDoubleClick={(event: MouseEvent) => media.kind === "image" && event.target !== event.currentTarget && toggleZoom(event)}
          {...handlers}
        >
          <Stage key={media.mxc} media={media} kind={media.kind === "video" ? "video" : "image"} transform={`translate(${place.x}px, ${place.y}px) scale(${place.zoom})`} />
        </div>
        {at > 0 && <IconButton icon="back" label={t("viewer.previous")} tooltip={false} className={styles.previous ?? ""} onClick={() => go(-1)} />}
        {at >= 0 && at < all.length - 1 && <IconButton icon="forward" label={t("viewer.next")} tooltip={false} className={styles.next ?? ""} onClick={() => go(1)} />}
        {media.caption !== undefined && (
          <p className={styles.caption} dir="auto">
            {media.caption}
          </p>
        )}
      </div>
    </Dialog>
  );
}

interface StageProps {
  readonly media: MediaFacts;
  readonly kind: "image" | "video";
  readonly transform: string;
}

function Stage({ media, kind, transform }: StageProps): ReactElement {
  const { t } = useTranslation("timeline");
  const own = ownFileUrl(media.mxc);
  const { url, failed } = useMedia(own === undefined ? media.mxc : undefined);
  const { save } = useSave(media);
  const src = own ?? url;
  if (failed) {
    return (
      <div className={styles.failed} role="alert">
        <p>{t("mediaFailed")}</p>
        <Button icon="download" onClick={() => void save()}>
          {t("viewer.download")}
        </Button>
      </div>
    );
  }
  if (src === undefined) return <Spinner size={32} label={media.name} />;
  if (kind === "video") {
    // eslint-disable-next-line jsx-a11y/media-has-caption -- people's own videos come without captions
    return <video className={styles.media} src={src} controls autoPlay width={media.width} height={media.height} aria-label={media.name} />;
  }
  return <img className={styles.media} src={src} alt={media.caption ?? media.name} style={{ transform }} draggable={false} />;
}

function isVisual(item: MessageItem): boolean {
  return (item.content.kind === "image" || item.content.kind === "video") && item.upload === undefined;
}
