import { useRef, useState } from "react";
import type { KeyboardEvent, PointerEvent, ReactElement, WheelEvent } from "react";
import { useTranslation } from "react-i18next";
import { Dialog } from "@/components/Dialog";
import { IconButton } from "@/components/IconButton";
import { Spinner } from "@/components/Spinner";
import { useClient } from "@/matrix/ClientProvider";
import { useMedia } from "@/matrix/media";
import { ownFileUrl } from "@/matrix/uploads";
import { formatFull } from "@/features/timeline/format";
import type { MediaFacts, MessageItem, Row } from "@/features/timeline/model/types";
import { saveMedia } from "./download";
import styles from "./Lightbox.module.css";

interface LightboxProps {
  readonly item: MessageItem;
  readonly rows: readonly Row[];
  readonly onView: (item: MessageItem) => void;
  readonly onClose: () => void;
}

const MAX_ZOOM = 8;
const FITTED = { zoom: 1, x: 0, y: 0 };

/** Pictures and videos, full size: arrows go on, plus and minus zoom, dragging moves. */
export function Lightbox({ item, rows, onView, onClose }: LightboxProps): ReactElement | null {
  const { t } = useTranslation("timeline");
  const client = useClient();
  const [place, setPlace] = useState(FITTED);
  const drag = useRef<{ x: number; y: number }>(undefined);
  const media = item.content.kind === "image" || item.content.kind === "video" ? item.content : undefined;
  const own = ownFileUrl(media?.mxc);
  const { url, failed } = useMedia(own === undefined ? media?.mxc : undefined);
  const src = own ?? url;
  if (!media) return null;

  const all = rows.flatMap((row) => (row.type === "message" && isVisual(row.item) ? [row.item] : []));
  const at = all.findIndex((other) => other.id === item.id);
  const go = (step: number): void => {
    const next = all[at + step];
    if (!next) return;
    setPlace(FITTED);
    onView(next);
  };
  const zoom = (factor: number): void =>
    setPlace((now) => {
      const next = Math.min(MAX_ZOOM, Math.max(1, now.zoom * factor));
      return next === 1 ? FITTED : { zoom: next, x: now.x * (next / now.zoom), y: now.y * (next / now.zoom) };
    });
  const keys = (event: KeyboardEvent): void => {
    const act = { ArrowLeft: () => go(-1), ArrowRight: () => go(1), "+": () => zoom(1.5), "=": () => zoom(1.5), "-": () => zoom(1 / 1.5), "0": () => setPlace(FITTED) }[event.key];
    if (!act) return;
    event.preventDefault();
    act();
  };
  const move = (event: PointerEvent): void => {
    const from = drag.current;
    if (!from) return;
    drag.current = { x: event.clientX, y: event.clientY };
    setPlace((now) => ({ ...now, x: now.x + event.clientX - from.x, y: now.y + event.clientY - from.y }));
  };

  return (
    <Dialog open onClose={onClose} bare size="full" title={t("viewer.title", { name: media.name, sender: item.senderName })}>
      {/* The keys serve the whole dialog; its buttons do the same for who cannot use them. */}
      {/* eslint-disable-next-line jsx-a11y/no-static-element-interactions -- see above */}
      <div className={styles.viewer} onKeyDown={keys}>
        <header className={styles.bar}>
          <span className={styles.facts}>
            <b dir="auto">{item.senderName}</b>
            <span>{formatFull(item.ts)}</span>
          </span>
          {media.kind === "image" && (
            <>
              <button type="button" className={styles.zoom} aria-label={t("viewer.zoomOut")} disabled={place.zoom === 1} onClick={() => zoom(1 / 1.5)}>
                −
              </button>
              <button type="button" className={styles.zoom} aria-label={t("viewer.zoomIn")} disabled={place.zoom === MAX_ZOOM} onClick={() => zoom(1.5)}>
                +
              </button>
            </>
          )}
          <IconButton icon="download" label={t("viewer.download")} tooltip={false} onClick={() => void saveMedia(client, media)} />
          <IconButton icon="close" label={t("viewer.close")} tooltip={false} onClick={onClose} />
        </header>
        {/* eslint-disable-next-line jsx-a11y/no-static-element-interactions, jsx-a11y/click-events-have-key-events -- Escape closes too */}
        <div
          className={styles.stage}
          data-zoomed={place.zoom > 1 || undefined}
          onClick={(event) => event.target === event.currentTarget && onClose()}
          onWheel={(event: WheelEvent) => zoom(event.deltaY < 0 ? 1.15 : 1 / 1.15)}
          onPointerDown={(event) => {
            if (place.zoom > 1) drag.current = { x: event.clientX, y: event.clientY };
          }}
          onPointerMove={move}
          onPointerUp={() => (drag.current = undefined)}
          onPointerLeave={() => (drag.current = undefined)}
        >
          <Stage media={media} kind={media.kind === "video" ? "video" : "image"} src={src} failed={failed} transform={`translate(${place.x}px, ${place.y}px) scale(${place.zoom})`} onZoom={() => (place.zoom === 1 ? zoom(2.5) : setPlace(FITTED))} />
        </div>
        {at > 0 && <IconButton icon="back" label={t("viewer.previous")} tooltip={false} className={styles.previous ?? ""} onClick={() => go(-1)} />}
        {at < all.length - 1 && <IconButton icon="forward" label={t("viewer.next")} tooltip={false} className={styles.next ?? ""} onClick={() => go(1)} />}
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
  readonly src: string | undefined;
  readonly failed: boolean;
  readonly transform: string;
  readonly onZoom: () => void;
}

function Stage({ media, kind, src, failed, transform, onZoom }: StageProps): ReactElement {
  const { t } = useTranslation("timeline");
  if (failed) return <p>{t("mediaFailed")}</p>;
  if (src === undefined) return <Spinner size={32} label={media.name} />;
  if (kind === "video") {
    // eslint-disable-next-line jsx-a11y/media-has-caption -- people's own videos come without captions
    return <video className={styles.media} src={src} controls autoPlay aria-label={media.name} />;
  }
  return <img className={styles.media} src={src} alt={media.caption ?? media.name} style={{ transform }} draggable={false} onDoubleClick={onZoom} />;
}

function isVisual(item: MessageItem): boolean {
  return (item.content.kind === "image" || item.content.kind === "video") && item.upload === undefined;
}
