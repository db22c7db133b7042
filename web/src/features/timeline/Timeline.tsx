import type { Room } from "matrix-js-sdk";
import { lazy, Suspense, useEffect, useLayoutEffect, useMemo, useState } from "react";
import type { KeyboardEvent, MouseEvent, ReactElement } from "react";
import { useTranslation } from "react-i18next";
import { useClient } from "@/matrix/ClientProvider";
import { navigate, routeOfLink } from "@/matrix/routes";
import { useViewModel } from "@/matrix/ViewModel";
import { Announcer } from "./Announcer";
import { TimelineContext } from "./context";
import { DeleteDialog } from "./DeleteDialog";
import { estimateRow } from "./model/estimate";
import type { MessageItem, Row } from "./model/types";
import { ReactionsDialog } from "./ReactionsDialog";
import { RowView } from "./RowView";
import { useKeptScroll } from "./scroll/useKeptScroll";
import styles from "./Timeline.module.css";
import { timelineOf } from "./TimelineViewModel";
import { ToLatest } from "./ToLatest";
import { useActions } from "./useActions";
import { useLinkedMessage } from "./useLinkedMessage";
import { useReading } from "./useReading";

const Lightbox = lazy(() => import("./media/Lightbox").then((module) => ({ default: module.Lightbox })));

type KeptTimelineRow = Row & { readonly estimate: number; readonly floating: boolean };

const kept = new WeakMap<Row, KeptTimelineRow>();

function keep(row: Row): KeptTimelineRow {
  let out = kept.get(row);
  if (!out) kept.set(row, (out = { ...row, estimate: estimateRow(row), floating: row.type !== "message" && row.type !== "system" }));
  return out;
}

/** A link to a room or message opens here, not in a tab of its own. */
function followInside(event: MouseEvent): void {
  if (event.button !== 0 || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
  const link = (event.target as Element).closest("a");
  const route = link && routeOfLink(link.href);
  if (!route) return;
  event.preventDefault();
  navigate(route);
}

/** The messages of a room. Remount it (by key) for another room. */
export function Timeline({ room }: { room: Room }): ReactElement {
  const { t } = useTranslation("timeline");
  const client = useClient();
  const viewModel = timelineOf(client, room);
  const { rows, ready, atEnd, focus } = useViewModel(viewModel);
  const [viewed, setViewed] = useState<MessageItem>();
  const [deleting, setDeleting] = useState<MessageItem>();
  const [reactions, setReactions] = useState<MessageItem>();
  const [active, setActive] = useState<string>();
  const actions = useActions(viewModel, room, setViewed, setDeleting, setReactions);
  const seen = useReading(viewModel);
  const keptRows = useMemo(() => rows.map(keep), [rows]);

  const { scroller, content, frame, controller } = useKeptScroll(keptRows, atEnd, {
    onNear: (which) => void (which === "start" ? viewModel.loadOlder() : viewModel.loadNewer()),
    onSeen: seen,
    countsAsNew: (row) => row.type === "message" && !row.item.own,
  });

  useEffect(() => {
    viewModel.follow(frame.atBottom);
  }, [viewModel, frame.atBottom]);

  // Before the browser paints: what is shown first is already the place that was asked for.
  useLayoutEffect(() => {
    if (focus) controller.show(focus.key, focus.flash);
  }, [focus, controller]);
  useLinkedMessage(ready, actions.jump);

  const last = rows.at(-1);
  const ownEnd = last?.type === "message" && last.item.own && last.item.delivery === "sending" ? last.key : undefined;
  useEffect(() => {
    // Whoever writes wants to see it: sending always leads back to the end.
    if (ownEnd !== undefined) {
      controller.toEnd();
      viewModel.clearUnreadMark();
    }
  }, [ownEnd, controller, viewModel]);

  const move = (event: KeyboardEvent<HTMLDivElement>): void => {
    const at = (event.target as HTMLElement).closest<HTMLElement>("[role=article]")?.parentElement?.dataset.key;
    if (at === undefined || (event.target as HTMLElement).getAttribute("role") !== "article") return;
    const step = { ArrowUp: -1, ArrowDown: 1 }[event.key];
    if (step === undefined) return;
    event.preventDefault();
    const stops = frame.rows.filter((row) => row.type === "message" || row.type === "system");
    const next = stops[stops.findIndex((row) => row.key === at) + step];
    if (next) controller.element(next.key)?.querySelector<HTMLElement>("[role=article]")?.focus();
  };

  const drawn = frame.rows.slice(frame.start, frame.end);
  const stop = active !== undefined && drawn.some((row) => row.key === active) ? active : drawn.findLast((row) => row.type === "message")?.key;

  return (
    <TimelineContext value={actions}>
      <div className={styles.timeline}>
        <div className={styles.scroller} ref={scroller} tabIndex={-1} data-testid="timeline-scroller">
          <div style={{ blockSize: frame.padTop + frame.headroom }} />
          {/* The feed's arrow keys move between its articles, as the ARIA feed pattern asks. */}
          {/* eslint-disable-next-line jsx-a11y/no-noninteractive-element-interactions -- see above */}
          <div
            ref={content}
            role="feed"
            aria-label={t("messages", { room: room.name })}
            aria-busy={!ready || drawn.length === 0}
            className={styles.content}
            onKeyDown={move}
            onClick={followInside}
            onFocus={(event) => {
              const key = event.target.closest<HTMLElement>("[data-key]")?.dataset.key;
              if (key !== undefined) setActive(key);
            }}
          >
            {drawn.map((row) => (
              <RowView key={row.key} row={row} stop={row.key === stop} />
            ))}
          </div>
          <div style={{ blockSize: frame.padBottom }} />
        </div>
        <ToLatest
          hidden={frame.atBottom && atEnd}
          unseen={frame.unseen}
          onClick={() => void viewModel.jumpToLatest()}
        />
        <Announcer rows={rows} />
        <Suspense fallback={null}>
          {viewed && <Lightbox item={viewed} rows={rows} onView={setViewed} onClose={() => setViewed(undefined)} />}
        </Suspense>
        <DeleteDialog item={deleting} onClose={() => setDeleting(undefined)} />
        <ReactionsDialog item={reactions} onClose={() => setReactions(undefined)} />
      </div>
    </TimelineContext>
  );
}
