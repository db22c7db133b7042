import { EventTimeline, EventType } from "matrix-js-sdk";
import { expect, it, vi } from "vitest";
import { ME, TOM, event, message, reaction, testRoom } from "./testRoom";
import { TimelineViewModel } from "./TimelineViewModel";

const bodies = (vm: TimelineViewModel): string[] =>
  vm.getSnapshot().rows.flatMap((row) => (row.type === "message" && row.item.content.kind === "text" ? [row.item.content.body] : []));
const types = (vm: TimelineViewModel): string[] => vm.getSnapshot().rows.map((row) => row.type);

function page(events: readonly object[], end?: string): object {
  return { chunk: events, start: "x", ...(end ? { end } : {}) };
}

it("history loads above, in order, to the beginning", async () => {
  const pages: Record<string, object> = { more: page([message(3), message(2)], "rest"), rest: page([message(1)]) };
  const { client, room, arrive } = await testRoom((path, url) => (path.endsWith("/messages") ? pages[url.searchParams.get("from") ?? ""] : undefined));
  await arrive([message(4), message(5)]);
  const vm = new TimelineViewModel(client, room);
  vm.subscribe(() => {});
  await vi.waitFor(() => expect(vm.getSnapshot().ready).toBe(true));
  expect(bodies(vm)).toEqual(["message 2", "message 3", "message 4", "message 5"]);
  expect(types(vm)[0]).toBe("older");
  await vm.loadOlder();
  expect(bodies(vm)).toEqual([1, 2, 3, 4, 5].map((n) => `message ${n}`));
  expect(types(vm)[0]).toBe("beginning");
});

it("a page of nothing but reactions is not the end of the loading: the next one comes with it", async () => {
  const pages: Record<string, object> = {
    more: page(Array.from({ length: 30 }, (_, n) => message(100 - n)), "reactions"),
    reactions: page([reaction(1, "$m80"), reaction(2, "$m80", "🎉")], "older"),
    older: page([message(1)]),
  };
  const { client, room, arrive } = await testRoom((path, url) => (path.endsWith("/messages") ? pages[url.searchParams.get("from") ?? ""] : undefined));
  await arrive([message(101)]);
  const vm = new TimelineViewModel(client, room);
  vm.subscribe(() => {});
  await vi.waitFor(() => expect(vm.getSnapshot().ready).toBe(true));
  expect(bodies(vm)).not.toContain("message 1");
  await vm.loadOlder();
  expect(bodies(vm)[0]).toBe("message 1");
});

it("a page that cannot be loaded says so once, and a retry loads it", async () => {
  let refuse = true;
  let asked = 0;
  const { client, room, arrive } = await testRoom((path) => {
    if (!path.endsWith("/messages")) return undefined;
    asked++;
    return refuse ? undefined : page([message(1)]);
  });
  await arrive([message(2)]);
  const vm = new TimelineViewModel(client, room);
  vm.subscribe(() => {});
  await vi.waitFor(() => expect(vm.getSnapshot().rows[0]).toMatchObject({ type: "older", state: "error" }));
  const before = asked;
  await vm.loadOlder();
  expect(asked).toBe(before);
  refuse = false;
  vm.retry("older");
  await vi.waitFor(() => expect(bodies(vm)).toEqual(["message 1", "message 2"]));
});

it("rows that did not change stay the same objects when others arrive", async () => {
  const { client, room, arrive } = await testRoom((path) => (path.endsWith("/messages") ? page([]) : undefined));
  await arrive([message(1), message(20)]);
  const vm = new TimelineViewModel(client, room);
  vm.subscribe(() => {});
  await vi.waitFor(() => expect(vm.getSnapshot().ready).toBe(true));
  const before = vm.getSnapshot().rows;
  await arrive([message(40), reaction(41, "$m20")]);
  await vi.waitFor(() => expect(bodies(vm)).toContain("message 40"));
  const after = vm.getSnapshot().rows;
  const at = (rows: typeof before, id: string) => rows.find((row) => row.type === "message" && row.item.id === id);
  expect(at(after, "$m1")).toBe(at(before, "$m1"));
  const reacted = at(after, "$m20");
  expect(reacted?.type === "message" && reacted.item.reactions).toEqual([{ key: "👍", count: 1, names: ["Tom"] }]);
});

it("the mark stands below what was read, and is gone once the reader has written", async () => {
  const { client, room, arrive } = await testRoom((path) => (path.endsWith("/messages") ? page([]) : undefined));
  await arrive([message(1), message(20), message(40)]);
  room.addLocalEchoReceipt(ME, room.findEventById("$m1") ?? expect.fail(), "m.read" as never);
  const vm = new TimelineViewModel(client, room);
  vm.subscribe(() => {});
  await vi.waitFor(() => expect(vm.getSnapshot().focus).toBeDefined());
  expect(types(vm).filter((type) => type !== "day" && type !== "beginning")).toEqual(["message", "unread", "message", "message"]);
  expect(vm.getSnapshot().focus).toEqual({ key: "unread", flash: false });
  vm.clearUnreadMark();
  await vi.waitFor(() => expect(types(vm)).not.toContain("unread"));
});

it("reading goes forwards only, and takes the reactions after a message along", async () => {
  const { client, room, arrive } = await testRoom((path) => (path.endsWith("/messages") ? page([]) : undefined));
  const told: string[] = [];
  vi.spyOn(client, "setRoomReadMarkers").mockImplementation(async (_room, id) => (told.push(id), {}));
  await arrive([message(1), message(20), reaction(21, "$m1"), message(40)]);
  const vm = new TimelineViewModel(client, room);
  vm.subscribe(() => {});
  await vi.waitFor(() => expect(vm.getSnapshot().ready).toBe(true));
  const row = (id: string) => vm.getSnapshot().rows.find((r) => r.type === "message" && r.item.id === id);
  vm.markRead(row("$m20"));
  await vi.waitFor(() => expect(told).toEqual(["$r21"]));
  vm.markRead(row("$m1"));
  vm.markRead(row("$m40"));
  await vi.waitFor(() => expect(told).toEqual(["$r21", "$m40"]), { timeout: 3_000 });
});

it("jumps to a message that is not loaded, with its surroundings, and back to the newest", async () => {
  const { client, room, arrive } = await testRoom((path) => {
    if (path.endsWith("/messages")) return page([], "even more");
    if (!path.includes("/context/$m3")) return undefined;
    return { start: "s", end: "e", event: message(3), events_before: [message(2), message(1)], events_after: [message(4)], state: [] };
  });
  await arrive([message(300), message(301)]);
  const vm = new TimelineViewModel(client, room);
  vm.subscribe(() => {});
  await vi.waitFor(() => expect(vm.getSnapshot().ready).toBe(true));
  expect(await vm.jumpTo("$m3")).toBe(true);
  expect(bodies(vm)).toEqual(["message 1", "message 2", "message 3", "message 4"]);
  expect(vm.getSnapshot()).toMatchObject({ atEnd: false, focus: { key: "$m3", flash: true } });
  expect(types(vm).at(-1)).toBe("newer");
  expect(await vm.jumpTo("$nothing")).toBe(false);
  await vm.jumpToLatest();
  expect(vm.getSnapshot()).toMatchObject({ atEnd: true, focus: { key: "$m301", flash: false } });
  expect(bodies(vm)).toEqual(["message 300", "message 301"]);
});

it("who types is shown at the end, without the reader", async () => {
  const { client, room, arrive } = await testRoom((path) => (path.endsWith("/messages") ? page([]) : undefined));
  await arrive([message(1)]);
  for (const user of [ME, TOM]) {
    const member = room.getMember(user);
    if (member) member.typing = true;
  }
  const vm = new TimelineViewModel(client, room);
  vm.subscribe(() => {});
  await vi.waitFor(() => expect(vm.getSnapshot().rows.at(-1)).toMatchObject({ type: "typing", typists: [{ name: "Tom" }] }));
});

it("whoever made the room has a name in its first line, though the name comes later", async () => {
  const { client, room, arrive } = await testRoom();
  room.getLiveTimeline().setPaginationToken(null, EventTimeline.BACKWARDS);
  const vm = new TimelineViewModel(client, room);
  vm.subscribe(() => {});
  await arrive([{ ...event(EventType.RoomCreate, {}, "@ann:x"), state_key: "" }]);
  const names = (): string[] => vm.getSnapshot().rows.flatMap((row) => (row.type === "system" ? row.items.map((item) => item.actorName) : []));
  await vi.waitFor(() => expect(names()).toEqual(["@ann:x"]));
  await arrive([{ ...event(EventType.RoomMember, { membership: "join", displayname: "Ann" }, "@ann:x", 1), state_key: "@ann:x" }]);
  await vi.waitFor(() => expect(names()).toEqual(["Ann", "Ann"]));
});
