/** Receipts over a stretch of the timeline: who stands where, and which own messages somebody has read. */
import { ReceiptType, type MatrixEvent, type Room } from "matrix-js-sdk";
import type { Seen } from "./types";

/** For each event whether somebody else has read up to it or past it. `events` run from old to new. */
export function readFlags(room: Room, events: readonly MatrixEvent[], me: string, endIsLive: boolean): boolean[] {
  const flags = new Array<boolean>(events.length).fill(false);
  let read = !endIsLive && readBeyond(room, events.at(-1), me);
  for (let i = events.length - 1; i >= 0; i--) {
    const event = events[i];
    if (event && !read) read = receiptsOf(room, event).some((receipt) => receipt.userId !== me);
    flags[i] = read;
  }
  return flags;
}

/** Who has read up to each event, without the reader; in the order the receipts came. */
export function seenBy(room: Room, event: MatrixEvent, me: string): Seen[] {
  return receiptsOf(room, event)
    .filter(({ userId }) => userId !== me && userId !== event.getSender())
    .map(({ userId, data }) => {
      const member = room.getMember(userId);
      const avatar = member?.getMxcAvatarUrl();
      return { userId, name: member?.name ?? userId, ts: data.ts, ...(avatar ? { avatar } : {}) };
    });
}

function receiptsOf(room: Room, event: MatrixEvent): ReturnType<Room["getReceiptsForEvent"]> {
  if (event.status !== null) return [];
  return room.getReceiptsForEvent(event).filter((receipt) => receipt.type === ReceiptType.Read);
}

/** Away from the live end newer events are not at hand; a later receipt is then the best evidence. */
function readBeyond(room: Room, last: MatrixEvent | undefined, me: string): boolean {
  if (!last) return false;
  const live = room.getLiveTimeline().getEvents();
  return live.some(
    (event) => event.getTs() > last.getTs() && receiptsOf(room, event).some((receipt) => receipt.userId !== me),
  );
}
