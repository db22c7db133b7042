/** Turns a flat list of items into rows: runs by sender, day marks, the unread mark, collapsed system lines. */
import type { MessageItem, MessageRow, Row, Seen, SystemItem, SystemRow, TimelineItem } from "./types";

export const GROUP_WINDOW_MS = 5 * 60_000;

export interface GroupingContext {
  /** The unread mark stands right after this event; nothing is drawn when it is absent or last. */
  readonly readUpTo?: string | undefined;
  /** Who has read up to which item, by the id of the item. */
  readonly seenAt: ReadonlyMap<string, readonly Seen[]>;
  readonly atBeginning: boolean;
}

export function buildRows(items: readonly TimelineItem[], context: GroupingContext): Row[] {
  const rows: Row[] = [];
  if (context.atBeginning) rows.push({ type: "beginning", key: "beginning" });

  const markAfter = unreadMarkIndex(items, context.readUpTo);
  let previous: TimelineItem | undefined;
  items.forEach((item, i) => {
    if (!previous || !sameDay(previous.ts, item.ts)) {
      rows.push({ type: "day", key: `day:${item.key}`, ts: item.ts });
      previous = undefined;
    }
    if (markAfter !== undefined && i === markAfter + 1) {
      rows.push({ type: "unread", key: "unread" });
      previous = undefined;
    }
    const seen = context.seenAt.get(item.id) ?? [];
    if (item.type === "message") rows.push(messageRow(item, previous, seen));
    else pushSystem(rows, item, seen);
    previous = item;
  });
  return closeRuns(rows);
}

/** Whether two messages belong to one run of bubbles. */
export function sameRun(a: TimelineItem | undefined, b: TimelineItem): boolean {
  return (
    a?.type === "message" && b.type === "message" && a.sender === b.sender && Math.abs(b.ts - a.ts) <= GROUP_WINDOW_MS
  );
}

export function sameDay(a: number, b: number): boolean {
  return dayKey(a) === dayKey(b);
}

/** The local calendar day. */
export function dayKey(ts: number): string {
  const day = new Date(ts);
  return `${String(day.getFullYear())}-${String(day.getMonth() + 1)}-${String(day.getDate())}`;
}

function unreadMarkIndex(items: readonly TimelineItem[], readUpTo: string | undefined): number | undefined {
  if (!readUpTo) return undefined;
  const at = items.findIndex((item) => item.id === readUpTo);
  // Own messages count as read: a mark only makes sense above something somebody else said.
  const unread = at >= 0 && items.slice(at + 1).some((item) => item.type === "message" && !item.own);
  return unread ? at : undefined;
}

function messageRow(item: MessageItem, previous: TimelineItem | undefined, seen: readonly Seen[]): MessageRow {
  return { type: "message", key: item.key, item, first: !sameRun(previous, item), last: true, seen };
}

function pushSystem(rows: Row[], item: SystemItem, seen: readonly Seen[]): void {
  const before = rows.at(-1);
  if (before?.type === "system") {
    rows[rows.length - 1] = { ...before, items: [...before.items, item], seen: [...before.seen, ...seen] };
  } else {
    const row: SystemRow = { type: "system", key: `system:${item.key}`, items: [item], seen };
    rows.push(row);
  }
}

/** A row is the last of its run unless the row right below continues it. */
function closeRuns(rows: Row[]): Row[] {
  return rows.map((row, i) => {
    const next = rows[i + 1];
    return row.type === "message" && next?.type === "message" && !next.first ? { ...row, last: false } : row;
  });
}

/** Reuses the previous row object where nothing changed, so that memoised views skip it. */
export function reuseRows(previous: readonly Row[], next: readonly Row[]): readonly Row[] {
  const old = new Map(previous.map((row) => [row.key, row]));
  let same = previous.length === next.length;
  const rows = next.map((row, i) => {
    const before = old.get(row.key);
    const kept = before && equalRows(before, row) ? before : row;
    if (kept !== previous[i]) same = false;
    return kept;
  });
  return same ? previous : rows;
}

function equalRows(a: Row, b: Row): boolean {
  if (a.type === "message" && b.type === "message") {
    return a.item === b.item && a.first === b.first && a.last === b.last && equalSeen(a.seen, b.seen);
  }
  if (a.type === "system" && b.type === "system") {
    return a.items.length === b.items.length && a.items.every((x, i) => x === b.items[i]) && equalSeen(a.seen, b.seen);
  }
  if (a.type === "day" && b.type === "day") return a.ts === b.ts;
  if (a.type === "typing" && b.type === "typing") return a.typists === b.typists;
  if ("state" in a && "state" in b) return a.type === b.type && a.state === b.state;
  return a.type === b.type;
}

function equalSeen(a: readonly Seen[], b: readonly Seen[]): boolean {
  return (
    a.length === b.length &&
    a.every((x, i) => {
      const y = b[i];
      return y !== undefined && x.userId === y.userId && x.name === y.name && x.avatar === y.avatar;
    })
  );
}
