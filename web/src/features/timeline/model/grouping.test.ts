import { describe, expect, it } from "vitest";
import { buildRows, GROUP_WINDOW_MS, reuseRows, type GroupingContext } from "./grouping";
import type { MessageItem, SystemItem, TimelineItem } from "./types";

const NOON = new Date(2026, 4, 1, 12).getTime();
const MINUTE = 60_000;
const base: GroupingContext = { seenAt: new Map(), atBeginning: false };

function message(id: string, sender: string, ts: number, extra: Partial<MessageItem> = {}): MessageItem {
  return {
    type: "message",
    key: id,
    id,
    ts,
    sender,
    senderName: sender,
    own: sender === "@me",
    content: { kind: "text", body: id, tone: "plain", bigEmoji: false },
    edited: false,
    reactions: [],
    ...extra,
  };
}

const joined = (id: string, ts: number): SystemItem => ({
  type: "system",
  key: id,
  id,
  ts,
  kind: "joined",
  actor: "@a",
  actorName: "A",
});

const shape = (items: readonly TimelineItem[], context: GroupingContext = base): string[] =>
  buildRows(items, context).map((row) =>
    row.type === "message"
      ? `${row.key}${row.first ? "^" : ""}${row.last ? "_" : ""}`
      : row.type === "system"
        ? `system×${String(row.items.length)}`
        : row.type,
  );

describe("buildRows", () => {
  it("groups messages of one sender within five minutes", () => {
    expect(
      shape([message("1", "@a", NOON), message("2", "@a", NOON + MINUTE), message("3", "@a", NOON + 2 * MINUTE)]),
    ).toEqual(["day", "1^", "2", "3_"]);
  });

  it("starts a new group for another sender and after the window", () => {
    expect(
      shape([
        message("1", "@a", NOON),
        message("2", "@b", NOON + 1),
        message("3", "@b", NOON + 2 + GROUP_WINDOW_MS),
      ]),
    ).toEqual(["day", "1^_", "2^_", "3^_"]);
  });

  it("puts a day mark between days and never groups across midnight", () => {
    const late = new Date(2026, 4, 1, 23, 59).getTime();
    expect(shape([message("1", "@a", late), message("2", "@a", late + 2 * MINUTE)])).toEqual([
      "day",
      "1^_",
      "day",
      "2^_",
    ]);
  });

  it("collapses consecutive system lines into one run and they break a group", () => {
    expect(
      shape([
        message("1", "@a", NOON),
        joined("s1", NOON + 1),
        joined("s2", NOON + 2),
        message("2", "@a", NOON + 3),
      ]),
    ).toEqual(["day", "1^_", "system×2", "2^_"]);
  });

  it("marks the first unread message of somebody else", () => {
    const items = [message("1", "@a", NOON), message("2", "@a", NOON + 1), message("3", "@a", NOON + 2)];
    expect(shape(items, { ...base, readUpTo: "1" })).toEqual(["day", "1^_", "unread", "2^", "3_"]);
  });

  it("draws no unread mark when only own messages follow, or nothing does", () => {
    expect(shape([message("1", "@a", NOON), message("2", "@me", NOON + 1)], { ...base, readUpTo: "1" })).not.toContain(
      "unread",
    );
    expect(shape([message("1", "@a", NOON)], { ...base, readUpTo: "1" })).not.toContain("unread");
  });

  it("announces the beginning of the room only when history is complete", () => {
    expect(shape([message("1", "@a", NOON)], { ...base, atBeginning: true })[0]).toBe("beginning");
  });
});

describe("reuseRows", () => {
  it("keeps the identity of unchanged rows and of the whole list", () => {
    const items = [message("1", "@a", NOON), message("2", "@b", NOON + 1)];
    const first = buildRows(items, base);
    expect(reuseRows(first, buildRows(items, base))).toBe(first);
    const changed = [items[0], message("2", "@b", NOON + 1, { edited: true })] as MessageItem[];
    const second = reuseRows(first, buildRows(changed, base));
    expect(second[1]).toBe(first[1]);
    expect(second[2]).not.toBe(first[2]);
  });
});
