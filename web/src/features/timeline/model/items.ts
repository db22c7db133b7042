/** From the SDK's events to the timeline's items. Unchanged items keep their identity. */
import { EventStatus, EventType, RelationType, type MatrixEvent, type Room } from "matrix-js-sdk";
import { isEdited, readContent, summaryOf } from "./content";
import { senderName, toSystemItem } from "./system";
import type { Delivery, MessageItem, Quote, Reaction, TimelineItem } from "./types";

export interface ItemContext {
  readonly room: Room;
  readonly me: string;
  /** Whether somebody else has read up to this event or past it. */
  readonly isRead: boolean;
  readonly quote: (eventId: string) => Quote;
}

interface Remembered {
  readonly mark: string;
  readonly item: TimelineItem | undefined;
}

/** Names that outlive a local echo's change of id, so that a sent message is the same row as the one being sent. */
const keys = new WeakMap<MatrixEvent, string>();

export function keyOf(event: MatrixEvent): string {
  let key = keys.get(event);
  if (key === undefined) {
    const txn = event.getTxnId();
    key = txn === undefined ? (event.getId() ?? "") : `txn:${txn}`;
    keys.set(event, key);
  }
  return key;
}

export class ItemCache {
  private readonly known = new WeakMap<MatrixEvent, Remembered>();

  item(event: MatrixEvent, context: ItemContext): TimelineItem | undefined {
    const mark = fingerprint(event, context);
    const before = this.known.get(event);
    if (before?.mark === mark) return before.item;
    const item = toItem(event, context);
    this.known.set(event, { mark, item });
    return item;
  }
}

/** Everything outside the event's own immutable content that its item depends on. */
function fingerprint(event: MatrixEvent, context: ItemContext): string {
  const quoted = event.replyEventId;
  const quote = quoted === undefined ? undefined : context.quote(quoted);
  return [
    event.getId(),
    event.status,
    event.replacingEvent()?.getId(),
    event.isRedacted(),
    event.isBeingDecrypted(),
    senderName(event, context.room),
    event.sender?.getMxcAvatarUrl(),
    context.isRead,
    quote?.state,
    quote?.text,
    quote?.senderName,
    reactionsOf(event, context).map((r) => `${r.key}\u0001${r.names.join("\u0002")}\u0001${r.ownEventId ?? ""}`).join("\u0003"),
  ].join("\u0000");
}

function toItem(event: MatrixEvent, context: ItemContext): TimelineItem | undefined {
  const key = keyOf(event);
  if (event.isState()) return toSystemItem(event, context.room, key);
  if (!isDrawn(event)) return undefined;
  const sender = event.getSender() ?? "";
  const avatar = event.sender?.getMxcAvatarUrl();
  const own = sender === context.me;
  const content = readContent(event);
  const quoted = content.kind === "deleted" ? undefined : event.replyEventId;
  const delivery = own ? deliveryOf(event, context.isRead) : undefined;
  const failure: unknown = (event.error as { errcode?: unknown } | null)?.errcode;
  const item: MessageItem = {
    type: "message",
    key,
    id: event.getId() ?? key,
    ts: event.getTs(),
    sender,
    senderName: senderName(event, context.room),
    own,
    content,
    edited: content.kind !== "deleted" && isEdited(event),
    reactions: content.kind === "deleted" ? [] : reactionsOf(event, context),
    ...(avatar ? { senderAvatar: avatar } : {}),
    ...(quoted === undefined ? {} : { quote: context.quote(quoted) }),
    ...(delivery ? { delivery } : {}),
    ...(delivery === "failed" && typeof failure === "string" ? { failure } : {}),
  };
  return item;
}

const HIDDEN = new Set<string>([EventType.Reaction, EventType.RoomRedaction, "m.poll.response", "m.poll.end"]);

/** Reactions, edits and redactions change another row; call signalling and the like is for machines. */
export function isDrawn(event: MatrixEvent): boolean {
  const type = event.getType();
  if (HIDDEN.has(type) || type.startsWith("m.call.") || type.startsWith("m.key.")) return false;
  return !event.isRelation(RelationType.Replace);
}

function deliveryOf(event: MatrixEvent, isRead: boolean): Delivery {
  switch (event.status) {
    case EventStatus.NOT_SENT:
    case EventStatus.CANCELLED:
      return "failed";
    case EventStatus.SENDING:
    case EventStatus.QUEUED:
    case EventStatus.ENCRYPTING:
      return "sending";
    default:
      return isRead ? "read" : "sent";
  }
}

function reactionsOf(event: MatrixEvent, { room, me }: ItemContext): readonly Reaction[] {
  const id = event.getId();
  if (id === undefined || event.isState()) return [];
  const relations = room.relations.getChildEventsForEvent(id, RelationType.Annotation, EventType.Reaction);
  const sorted = relations?.getSortedAnnotationsByKey() ?? [];
  return sorted.flatMap(([key, set]) => {
    const bySender = new Map<string, MatrixEvent>();
    for (const reaction of set) {
      if (!reaction.isRedacted() && reaction.status !== EventStatus.CANCELLED) {
        bySender.set(reaction.getSender() ?? "", reaction);
      }
    }
    if (bySender.size === 0 || key.length > 64) return [];
    const own = bySender.get(me)?.getId();
    const names = [...bySender.keys()].map((userId) => room.getMember(userId)?.name ?? userId);
    return [{ key, count: bySender.size, names, ...(own === undefined ? {} : { ownEventId: own }) }];
  });
}

/** What a reply shows of the message it answers. */
export function quoteOf(event: MatrixEvent): Quote {
  const sender = event.getSender() ?? "";
  return {
    id: event.getId() ?? "",
    state: "ready",
    sender,
    senderName: event.sender?.name ?? sender,
    text: summaryOf(readContent(event)).slice(0, 200),
  };
}
