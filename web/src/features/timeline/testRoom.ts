/** A room of the real SDK for tests, with a server that is a function. */
import { createClient, EventTimeline, EventType, MatrixEvent, PendingEventOrdering, Room, type MatrixClient } from "matrix-js-sdk";

export const ME = "@me:x";
export const TOM = "@tom:x";
const ROOM = "!room:x";
const START = Date.UTC(2026, 4, 4, 12);

export interface TestRoom {
  readonly client: MatrixClient;
  readonly room: Room;
  /** New events at the end, as a sync brings them. */
  arrive(events: readonly object[]): Promise<void>;
}

type Answer = (path: string, url: URL, body: unknown) => object | undefined;

const quiet = { trace() {}, debug() {}, info() {}, warn() {}, error() {}, getChild: () => quiet };

/** `answer` gets the path after /v3; undefined is a 404. */
export async function testRoom(answer: Answer = () => undefined): Promise<TestRoom> {
  const client = createClient({
    baseUrl: "http://server.test",
    userId: ME,
    deviceId: "DEVICE",
    accessToken: "token",
    timelineSupport: true,
    logger: quiet,
    fetchFn: async (input, init) => {
      const url = new URL(String(input));
      const found = answer(decodeURIComponent(url.pathname.replace("/_matrix/client/v3", "")), url, init?.body ? JSON.parse(String(init.body)) : undefined);
      return new Response(JSON.stringify(found ?? { errcode: "M_NOT_FOUND", error: "no" }), { status: found ? 200 : 404, headers: { "Content-Type": "application/json" } });
    },
  });
  const room = new Room(ROOM, client, ME, { pendingEventOrdering: PendingEventOrdering.Detached, timelineSupport: true });
  client.store.storeRoom(room);
  client.reEmitter.reEmit(room, []);
  const arrive = (events: readonly object[]): Promise<void> => room.addLiveEvents(events.map((event) => new MatrixEvent(event)), { addToState: true });
  const members = [ME, TOM].map((user) => ({ ...event(EventType.RoomMember, { membership: "join", displayname: user === ME ? "Me" : "Tom" }, user, -10), state_key: user }));
  room.getLiveTimeline().initialiseState(members.map((member) => new MatrixEvent(member)));
  room.getLiveTimeline().setPaginationToken("more", EventTimeline.BACKWARDS);
  return { client, room, arrive };
}

/** An event `minute` minutes after noon. */
export function event(type: string, content: object, sender = TOM, minute = 0, id = `$${type}-${minute}-${sender}`): Record<string, unknown> {
  return { type, content, sender, room_id: ROOM, event_id: id, origin_server_ts: START + minute * 60_000 };
}

export function message(n: number, sender = TOM): Record<string, unknown> {
  return event(EventType.RoomMessage, { msgtype: "m.text", body: `message ${n}` }, sender, n, `$m${n}`);
}

export function reaction(n: number, to: string, key = "👍", sender = TOM): Record<string, unknown> {
  return event(EventType.Reaction, { "m.relates_to": { rel_type: "m.annotation", event_id: to, key } }, sender, n, `$r${n}`);
}
