import { createClient, MatrixEvent, PendingEventOrdering, Room } from "matrix-js-sdk";
import type { MatrixClient } from "matrix-js-sdk";

type Answer = [status: number, body: object];
/** Keyed by method and the beginning of the path, such as "PUT /profile/"; the longest that fits answers. */
export type Routes = Record<string, (body: Record<string, unknown>, path: string) => Answer>;

const silent = { trace() {}, debug() {}, info() {}, warn() {}, error() {}, getChild: () => silent };

export const ME = "@lena:x";

/** The real SDK's client of Lena before a server that is only these routes. Nothing is synced: rooms are put in with `addRoom`. */
export function clientBefore(routes: Routes): MatrixClient {
  const fetchFn = async (input: URL | RequestInfo, init?: RequestInit): Promise<Response> => {
    const url = new URL(input instanceof Request ? input.url : input);
    const path = url.pathname.replace(/^\/_matrix\/(client|media)\/(v3|v1|r0)/, "");
    const key = Object.keys(routes)
      .filter((route) => `${init?.method ?? "GET"} ${path}`.startsWith(route))
      .toSorted((a, b) => b.length - a.length)[0];
    const body = typeof init?.body === "string" ? (JSON.parse(init.body) as Record<string, unknown>) : {};
    const [status, answer] = (key && routes[key]?.(body, decodeURIComponent(path))) || [404, { errcode: "M_UNRECOGNIZED" }];
    return new Response(JSON.stringify(answer), { status, headers: { "Content-Type": "application/json" } });
  };
  return createClient({ baseUrl: "http://x", userId: ME, deviceId: "HERE", accessToken: "t", fetchFn, logger: silent });
}

export interface RoomFacts {
  name?: string;
  topic?: string;
  /** Membership and, where there is one, the power level, by user id. */
  people: Record<string, { name: string; membership?: "join" | "invite" | "ban"; power?: number }>;
  joinRule?: "public" | "invite";
  inviter?: string;
}

/** A room as after a sync. */
export function addRoom(client: MatrixClient, roomId: string, { name, topic, people, joinRule = "invite", inviter }: RoomFacts): Room {
  const room = new Room(roomId, client, ME, { pendingEventOrdering: PendingEventOrdering.Detached });
  const owner = Object.keys(people)[0] ?? ME;
  const state = (type: string, content: object, state_key = "", sender = owner): MatrixEvent =>
    new MatrixEvent({ type, content, state_key, sender, room_id: roomId, event_id: `$${type}${state_key}`, origin_server_ts: 1 });
  room.currentState.setStateEvents([
    state("m.room.create", { room_version: "10" }),
    state("m.room.power_levels", { users: Object.fromEntries(Object.entries(people).flatMap(([id, { power }]) => (power === undefined ? [] : [[id, power]]))) }),
    state("m.room.join_rules", { join_rule: joinRule }),
    ...(name ? [state("m.room.name", { name })] : []),
    ...(topic ? [state("m.room.topic", { topic })] : []),
    ...Object.entries(people).map(([id, { name: displayname, membership = "join" }]) =>
      state("m.room.member", { membership, displayname }, id, id === ME && inviter ? inviter : id),
    ),
  ]);
  room.updateMyMembership(people[ME]?.membership ?? "join");
  room.recalculate();
  client.store.storeRoom(room);
  return room;
}
