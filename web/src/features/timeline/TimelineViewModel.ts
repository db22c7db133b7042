/** What a room's timeline shows, and what can be done with it. The SDK's own timelines are the store. */
import {
  ClientEvent,
  Direction,
  MatrixEvent,
  MatrixEventEvent,
  RoomEvent,
  RoomMemberEvent,
  TimelineWindow,
  type MatrixClient,
  type Room,
} from "matrix-js-sdk";
import { uploadsOf } from "@/matrix/uploads";
import { ViewModel } from "@/matrix/ViewModel";
import { buildRows, reuseRows } from "./model/grouping";
import { isDrawn, ItemCache, quoteOf } from "./model/items";
import { Marker } from "./model/Marker";
import { readFlags, seenBy } from "./model/reading";
import type { Quote, Row, Seen, TimelineItem, Typist } from "./model/types";
import { uploadItem } from "./model/uploadItem";

const FIRST_PAGE = 60;
const PAGE = 80;
const MOST_PAGES = 8;
const WINDOW_LIMIT = 1500;
/** How far back to look for where the unread messages begin. */
const UNREAD_PAGES = 5;

export interface TimelineSnapshot {
  readonly rows: readonly Row[];
  readonly ready: boolean;
  /** The newest message of the room is among the rows. */
  readonly atEnd: boolean;
  /** A row the reader asked to see; a new object per request. */
  readonly focus?: { readonly key: string; readonly flash: boolean } | undefined;
}

const EMPTY: TimelineSnapshot = { rows: [], ready: false, atEnd: true };

export class TimelineViewModel extends ViewModel<TimelineSnapshot> {
  readonly me: string;
  private window: TimelineWindow;
  private readonly items = new ItemCache();
  private readonly marker: Marker;
  private readonly fetchedQuotes = new Map<string, Quote>();
  private readonly failed = { older: false, newer: false };
  private readonly busy = { older: false, newer: false };
  private rows: readonly Row[] = [];
  private typists: readonly Typist[] = [];
  private ready = false;
  private scheduled = false;
  private stops: (() => void)[] = [];
  /** The last event that was read when the reader came; the unread mark stands below it. */
  private readUpTo: string | undefined;
  private focus: TimelineSnapshot["focus"];
  private followsEnd = true;
  private opening = false;
  private seenWhileOpening: Row | undefined;

  constructor(
    private readonly client: MatrixClient,
    readonly room: Room,
  ) {
    super(EMPTY);
    this.me = client.getSafeUserId();
    this.window = this.newWindow();
    this.marker = new Marker((id) => this.tellRead(id), () => Date.now());
  }

  protected start(): void {
    const { client, room } = this;
    const again = (): void => this.schedule();
    const on = (stop: () => void): void => void this.stops.push(stop);
    const ofRoom = (_: unknown, where?: Room): void => {
      if (where === undefined || where.roomId === room.roomId) again();
    };
    for (const event of [RoomEvent.Timeline, RoomEvent.LocalEchoUpdated, RoomEvent.Redaction, RoomEvent.RedactionCancelled, RoomEvent.Receipt] as const) {
      room.on(event, again);
      on(() => room.off(event, again));
    }
    const reset = (): void => void this.reset();
    room.on(RoomEvent.TimelineReset, reset);
    on(() => room.off(RoomEvent.TimelineReset, reset));
    // Whoever writes wants to see it, also from far back in history.
    const written = (event: MatrixEvent, _room: Room, oldId?: string): void => {
      if (oldId === undefined && isDrawn(event) && !this.getSnapshot().atEnd) void this.jumpToLatest();
    };
    room.on(RoomEvent.LocalEchoUpdated, written);
    on(() => room.off(RoomEvent.LocalEchoUpdated, written));
    const replaced = (event: MatrixEvent): void => {
      if (event.getRoomId() === room.roomId) again();
    };
    client.on(MatrixEventEvent.Replaced, replaced);
    client.on(MatrixEventEvent.Decrypted, replaced);
    client.on(RoomMemberEvent.Typing, ofMember);
    client.on(RoomMemberEvent.Name, ofMember);
    client.on(ClientEvent.Sync, again);
    on(() => {
      client.off(MatrixEventEvent.Replaced, replaced);
      client.off(MatrixEventEvent.Decrypted, replaced);
      client.off(RoomMemberEvent.Typing, ofMember);
      client.off(RoomMemberEvent.Name, ofMember);
      client.off(ClientEvent.Sync, again);
    });
    function ofMember(_: MatrixEvent, member: { roomId: string }): void {
      ofRoom(undefined, { roomId: member.roomId } as Room);
    }
    on(uploadsOf(client).subscribe((roomId) => roomId === room.roomId && again()));
    this.noteReadPosition();
    this.opening = true;
    void this.load(true);
  }

  protected stop(): void {
    this.stops.forEach((stop) => stop());
    this.stops = [];
    this.marker.stop();
  }

  /** Told by the view: at the end, new messages may push old ones out of the window. */
  follow(atEnd: boolean): void {
    this.followsEnd = atEnd;
  }

  /** Reads an older page. Does nothing while one is on its way or after the beginning. */
  async loadOlder(): Promise<void> {
    await this.page("older", Direction.Backward);
  }

  async loadNewer(): Promise<void> {
    await this.page("newer", Direction.Forward);
  }

  retry(which: "older" | "newer"): void {
    this.failed[which] = false;
    void (which === "older" ? this.loadOlder() : this.loadNewer());
  }

  /** Shows a message wherever in history it is. Resolves to false when it cannot be found. */
  async jumpTo(eventId: string): Promise<boolean> {
    if (!this.rows.some((row) => rowHas(row, eventId))) {
      const window = this.newWindow();
      try {
        await window.load(eventId, PAGE);
      } catch {
        return false;
      }
      this.window = window;
      this.followsEnd = false;
    }
    this.rebuild();
    const row = this.rows.find((candidate) => rowHas(candidate, eventId));
    if (row) this.requestFocus(row.key, true);
    return row !== undefined;
  }

  /** Back to the newest messages. */
  async jumpToLatest(): Promise<void> {
    this.followsEnd = true;
    if (this.window.canPaginate(Direction.Forward)) await this.load();
    else this.rebuild();
    const last = this.rows.at(-1);
    if (last) this.requestFocus(last.key, false);
  }

  /** The reader has this row before their eyes, in a focused window. */
  markRead(row: Row | undefined): void {
    // The end is on the screen for a moment before the unread mark takes its place: that is not reading.
    if (this.opening) {
      this.seenWhileOpening = row;
      return;
    }
    const id = row?.type === "message" ? row.item.id : row?.type === "system" ? row.items.at(-1)?.id : undefined;
    if (id === undefined) return;
    const events = this.window.getEvents();
    let at = events.findIndex((event) => event.getId() === id);
    if (at < 0) return;
    // Reactions and edits right after the message are read together with it.
    while (events[at + 1] && this.item(events[at + 1], true) === undefined) at++;
    while (at > 0 && events[at]?.status !== null) at--;
    const event = events[at];
    const eventId = event?.getId();
    if (event && eventId) this.marker.mark({ id: eventId, order: event.getTs() });
  }

  /** The reader looked away: what comes now is new when they return. */
  noteReadPosition(): void {
    // Also when that event is not loaded yet, which the SDK's getEventReadUpTo leaves out.
    this.readUpTo = this.room.getReadReceiptForUserId(this.me)?.eventId;
    const read = this.readUpTo === undefined ? undefined : this.room.findEventById(this.readUpTo);
    if (read) this.marker.startAt({ id: read.getId() ?? "", order: read.getTs() });
  }

  /** After the reader has written something, nothing above it is new any more. */
  clearUnreadMark(): void {
    this.readUpTo = undefined;
    this.schedule();
  }

  /** Fetches the message a reply answers, when no loaded timeline has it. */
  async fetchQuote(eventId: string): Promise<void> {
    if (this.fetchedQuotes.has(eventId) || this.room.findEventById(eventId)) return;
    this.fetchedQuotes.set(eventId, { id: eventId, state: "loading" });
    try {
      const event = new MatrixEvent(await this.client.fetchRoomEvent(this.room.roomId, eventId));
      event.sender = this.room.getMember(event.getSender() ?? "");
      this.fetchedQuotes.set(eventId, { ...quoteOf(event), id: eventId });
    } catch {
      this.fetchedQuotes.set(eventId, { id: eventId, state: "missing" });
    }
    this.schedule();
  }

  event(eventId: string): MatrixEvent | undefined {
    return this.room.findEventById(eventId) ?? pendingOf(this.room).find((event) => event.getId() === eventId);
  }

  /** The newest own message that can still be edited. */
  lastOwnMessage(): MatrixEvent | undefined {
    const row = this.rows.findLast((r) => r.type === "message" && r.item.own && r.item.content.kind === "text" && !r.item.delivery?.startsWith("fail"));
    return row?.type === "message" ? this.event(row.item.id) : undefined;
  }

  private newWindow(): TimelineWindow {
    return new TimelineWindow(this.client, this.room.getUnfilteredTimelineSet(), { windowLimit: WINDOW_LIMIT });
  }

  private async load(opening = false): Promise<void> {
    await this.window.load(undefined, FIRST_PAGE);
    // The window counts half its size behind the live end; fill it with what is in memory.
    this.window.extend(Direction.Backward, FIRST_PAGE);
    this.rebuild();
    if (!opening) return;
    if (!this.ready && this.rows.length < 20) await this.loadOlder();
    // A page may hold nothing of what is new; the mark stands where that begins.
    for (let pages = 0; pages < UNREAD_PAGES && this.unreadBeginsAbove(); pages++) await this.loadOlder();
    this.ready = true;
    this.rebuild();
    this.opening = false;
    const mark = this.rows.find((row) => row.type === "unread");
    if (mark) this.requestFocus(mark.key, false);
    else this.markRead(this.seenWhileOpening);
  }

  private unreadBeginsAbove(): boolean {
    if (!this.readUpTo || this.failed.older || !this.window.canPaginate(Direction.Backward)) return false;
    return !this.window.getEvents().some((event) => event.getId() === this.readUpTo);
  }

  /** The server skipped messages: at the end, show the newest; the gap loads from above. Elsewhere nothing moves. */
  private async reset(): Promise<void> {
    if (this.followsEnd) {
      this.window = this.newWindow();
      await this.load();
    } else {
      this.schedule();
    }
  }

  private async page(which: "older" | "newer", direction: Direction): Promise<void> {
    if (this.busy[which] || this.failed[which] || !this.window.canPaginate(direction)) return;
    this.busy[which] = true;
    const window = this.window;
    const edge = (): string | undefined => (which === "older" ? this.rows.find(isSaid) : this.rows.findLast(isSaid))?.key;
    const before = edge();
    try {
      // A page of nothing but reactions or edits draws nothing; then the next one is read too.
      for (let pages = 0; pages < MOST_PAGES && edge() === before; pages++) {
        if (window !== this.window || !window.canPaginate(direction)) break;
        await window.paginate(direction, PAGE, true, 1);
        this.rebuild();
      }
    } catch {
      if (window === this.window) this.failed[which] = true;
    } finally {
      this.busy[which] = false;
    }
    this.rebuild();
  }

  private schedule(): void {
    if (this.scheduled) return;
    this.scheduled = true;
    const run = (): void => {
      this.scheduled = false;
      if (this.stops.length > 0) this.rebuild();
    };
    // Hidden pages get no animation frames, yet their title and badges must keep up.
    if (document.hidden) setTimeout(run, 250);
    else requestAnimationFrame(run);
  }

  private rebuild(): void {
    // Whoever reads older messages keeps them; only at the end may new ones push old ones out.
    const space = this.followsEnd ? WINDOW_LIMIT : WINDOW_LIMIT - this.window.getEvents().length;
    if (space > 0) this.window.extend(Direction.Forward, space);
    const atEnd = !this.window.canPaginate(Direction.Forward);
    const events = atEnd ? [...this.window.getEvents(), ...pendingOf(this.room)] : this.window.getEvents();
    const flags = readFlags(this.room, events, this.me, atEnd);
    const items: TimelineItem[] = [];
    const seenAt = new Map<string, Seen[]>();
    let readUpToItem: string | undefined;
    events.forEach((event, i) => {
      const item = this.item(event, flags[i] ?? false);
      if (item) items.push(item);
      const last = items.at(-1);
      if (!last) return;
      if (event.getId() === this.readUpTo) readUpToItem = last.id;
      const seen = seenBy(this.room, event, this.me).filter((s) => last.type !== "message" || s.userId !== last.sender);
      if (seen.length > 0) seenAt.set(last.id, [...(seenAt.get(last.id) ?? []), ...seen]);
    });
    if (atEnd) items.push(...uploadsOf(this.client).of(this.room.roomId).map((upload) => uploadItem(upload, this.room, this.me)));
    const canOlder = this.window.canPaginate(Direction.Backward);
    const rows = buildRows(items, { readUpTo: readUpToItem, seenAt, atBeginning: !canOlder && this.ready });
    if (canOlder) rows.unshift({ type: "older", key: "older", state: this.failed.older ? "error" : "loading" });
    if (!atEnd) rows.push({ type: "newer", key: "newer", state: this.failed.newer ? "error" : "loading" });
    this.typists = this.whoTypes(this.typists);
    if (atEnd && this.typists.length > 0) rows.push({ type: "typing", key: "typing", typists: this.typists });
    this.rows = reuseRows(this.rows, rows);
    this.publish(atEnd);
  }

  private publish(atEnd: boolean): void {
    const next: TimelineSnapshot = { rows: this.rows, ready: this.ready, atEnd, focus: this.focus };
    const now = this.getSnapshot();
    const same = (Object.keys(next) as (keyof TimelineSnapshot)[]).every((key) => next[key] === now[key]);
    if (!same) this.set(next);
  }

  private whoTypes(before: readonly Typist[]): readonly Typist[] {
    const now = this.room
      .getMembers()
      .filter((member) => member.typing && member.userId !== this.me)
      .map((member): Typist => {
        const avatar = member.getMxcAvatarUrl();
        return { userId: member.userId, name: member.name, ...(avatar ? { avatar } : {}) };
      });
    const same = now.length === before.length && now.every((typist, i) => typist.userId === before[i]?.userId);
    return same ? before : now;
  }

  private item(event: MatrixEvent | undefined, isRead: boolean): TimelineItem | undefined {
    if (!event) return undefined;
    return this.items.item(event, { room: this.room, me: this.me, isRead, quote: (id) => this.quote(id) });
  }

  private quote(eventId: string): Quote {
    const event = this.room.findEventById(eventId);
    if (event) return { ...quoteOf(event), id: eventId };
    return this.fetchedQuotes.get(eventId) ?? { id: eventId, state: "loading" };
  }

  private requestFocus(key: string, flash: boolean): void {
    this.focus = { key, flash };
    this.publish(this.getSnapshot().atEnd);
  }

  private async tellRead(eventId: string): Promise<void> {
    const event = this.room.findEventById(eventId);
    await this.client.setRoomReadMarkers(this.room.roomId, eventId, event);
  }
}

function isSaid(row: Row): boolean {
  return row.type === "message" || row.type === "system";
}

function rowHas(row: Row, eventId: string): boolean {
  if (row.type === "message") return row.item.id === eventId;
  return row.type === "system" && row.items.some((item) => item.id === eventId);
}

/** Messages that are not in the room yet. Only a client that keeps them apart ("detached") has them here. */
function pendingOf(room: Room): MatrixEvent[] {
  try {
    return room.getPendingEvents().filter((event) => !room.findEventById(event.getId() ?? ""));
  } catch {
    return [];
  }
}

const viewModels = new WeakMap<Room, TimelineViewModel>();

/** One per room: coming back to a room shows it at once. */
export function timelineOf(client: MatrixClient, room: Room): TimelineViewModel {
  let viewModel = viewModels.get(room);
  if (!viewModel) viewModels.set(room, (viewModel = new TimelineViewModel(client, room)));
  return viewModel;
}
