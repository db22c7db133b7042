import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { FakeSocket } from "./fakes";
import { frameOf } from "./frames";
import { jsonResponse } from "./frames";
import { Transport } from "./Transport";

const BASE = "https://chat.example";
const AUTH = { Authorization: "Bearer old" };

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

type Answer = ConstructorParameters<typeof FakeSocket>[1];

function setup(answer: Answer, options: { accept?: boolean; http?: typeof fetch; renew?: () => Promise<boolean> } = {}) {
  const sockets: FakeSocket[] = [];
  const world = { accept: options.accept ?? true, answer };
  const http = vi.fn<typeof fetch>(options.http ?? (async () => Promise.reject(new TypeError("down"))));
  const tokens = { token: "tok", fresh: async () => "tok", renew: vi.fn(options.renew ?? (async () => false)) };
  const transport = new Transport({
    baseUrl: BASE,
    tokens,
    fetch: http,
    random: () => 0.5,
    openSocket: (url) => {
      const socket = new FakeSocket(url, (...args) => world.answer(...args));
      sockets.push(socket);
      setTimeout(() => (world.accept ? socket.accept() : socket.break()), 1);
      return socket;
    },
  });
  const sync = async (since: string, timeout = 30_000) => {
    const response = await transport.fetch(`${BASE}/_matrix/client/v3/sync?since=${since}&timeout=${timeout}&filter=1`, { headers: AUTH });
    return (await response.json()) as { next_batch: string };
  };
  const send = (txn: string) =>
    transport.fetch(`${BASE}/_matrix/client/v3/rooms/!r%3Ax/send/m.room.message/${txn}`, {
      method: "PUT",
      headers: AUTH,
      body: JSON.stringify({ msgtype: "m.text", body: "hi" }),
    });
  return { transport, sockets, http, tokens, world, sync, send };
}

/** Accepts the token and sends the first frame, as the server does. */
const welcome: Answer = (method, params, socket) => {
  if (method === "auth") {
    setTimeout(() => socket.push({ next_batch: `${params["since"]}~` }), 1);
    return { result: { user_id: "@a:x" } };
  }
  return { result: method === "send" ? { event_id: "$1" } : {} };
};

test("sync is answered by frames in order, each to the request for what follows the one before", async () => {
  const { sync, sockets, transport } = setup(welcome);
  const first = sync("s1");
  await vi.advanceTimersByTimeAsync(10);
  expect((await first).next_batch).toBe("s1~");
  sockets[0]?.push({ next_batch: "s2" });
  sockets[0]?.push({ next_batch: "s3" });
  expect((await sync("s1~")).next_batch).toBe("s2");
  expect((await sync("s2")).next_batch).toBe("s3");
  expect(sockets).toHaveLength(1);
  expect(transport.connection.get()).toEqual({ state: "online", via: "socket" });
});

test("a request with another position opens a new socket from there, so nothing is skipped", async () => {
  const { sync, sockets } = setup(welcome);
  const first = sync("s1");
  await vi.advanceTimersByTimeAsync(10);
  await first;
  sockets[0]?.push({ next_batch: "s2" });
  // The SDK did not process the first frame and asks for it again.
  const again = sync("s1");
  await vi.advanceTimersByTimeAsync(10);
  expect((await again).next_batch).toBe("s1~");
  expect(sockets[1]?.sentOf("auth")[0]).toMatchObject({ since: "s1", filter: "1", access_token: "tok" });
  expect(sockets[0]?.closedByClient).toBe(true);
});

test("nothing new within the timeout is an empty answer with the same token", async () => {
  const { sync } = setup(welcome);
  const first = sync("s1");
  await vi.advanceTimersByTimeAsync(10);
  await first;
  const quiet = sync("s1~", 5_000);
  await vi.advanceTimersByTimeAsync(6_500);
  expect(await quiet).toEqual({ next_batch: "s1~" });
});

test("to-device messages are acknowledged once the SDK asks for what follows them", async () => {
  const { sync, sockets } = setup(welcome);
  const first = sync("s1");
  await vi.advanceTimersByTimeAsync(10);
  await first;
  sockets[0]?.push({ next_batch: "s2", to_device: { events: [{}] } });
  await sync("s1~");
  expect(sockets[0]?.sentOf("ack")).toEqual([]);
  void sync("s2");
  await vi.advanceTimersByTimeAsync(1);
  expect(sockets[0]?.sentOf("ack")).toEqual([{ next_batch: "s2" }]);
});

test("after a lost connection the stream resumes from the last token, by itself", async () => {
  const { sync, sockets, transport } = setup(welcome);
  const first = sync("s1");
  await vi.advanceTimersByTimeAsync(10);
  await first;
  const next = sync("s1~");
  sockets[0]?.break(1001);
  await vi.advanceTimersByTimeAsync(0);
  expect(transport.connection.get().state).toBe("reconnecting");
  await vi.advanceTimersByTimeAsync(2_000);
  expect((await next).next_batch).toBe("s1~~");
  expect(sockets[1]?.sentOf("auth")[0]).toMatchObject({ since: "s1~" });
  expect(transport.connection.get().state).toBe("online");
});

test("a server without the stream is polled, and the first poll asks for a quick answer", async () => {
  const { sync, http, transport, sockets } = setup(welcome, {
    accept: false,
    http: async () => jsonResponse(200, { next_batch: "p2" }),
  });
  const first = sync("p1");
  await vi.advanceTimersByTimeAsync(10);
  expect((await first).next_batch).toBe("p2");
  expect(String(http.mock.calls[0]?.[0])).toContain("timeout=0");
  expect(transport.connection.get()).toEqual({ state: "online", via: "poll" });
  // The socket is left alone for a while, then tried again.
  await sync("p2");
  expect(sockets).toHaveLength(1);
  await vi.advanceTimersByTimeAsync(2_100);
  void sync("p2");
  await vi.advanceTimersByTimeAsync(10);
  expect(sockets).toHaveLength(2);
});

test("an outage does not make the client forget that the server has the stream", async () => {
  const { sync, world, sockets, transport } = setup(welcome);
  const first = sync("s1");
  await vi.advanceTimersByTimeAsync(10);
  await first;
  world.accept = false;
  const next = sync("s1~");
  sockets[0]?.break();
  await vi.advanceTimersByTimeAsync(25_000);
  expect(sockets.length).toBeGreaterThan(3);
  world.accept = true;
  await vi.advanceTimersByTimeAsync(10_000);
  expect((await next).next_batch).toBe("s1~~");
  expect(transport.connection.get().via).toBe("socket");
});

test("the initial sync is plain HTTP", async () => {
  const { transport, http, sockets } = setup(welcome, { http: async () => jsonResponse(200, { next_batch: "s1" }) });
  await transport.fetch(`${BASE}/_matrix/client/v3/sync?timeout=0&filter=x`, { headers: AUTH });
  expect(http).toHaveBeenCalledOnce();
  expect(sockets).toHaveLength(0);
});

test("a message goes over the socket with its transaction id", async () => {
  const { sync, send, sockets, http } = setup(welcome);
  const first = sync("s1");
  await vi.advanceTimersByTimeAsync(10);
  await first;
  const response = await send("t1");
  expect(await response.json()).toEqual({ event_id: "$1" });
  expect(sockets[0]?.sentOf("send")).toEqual([
    { room_id: "!r:x", type: "m.room.message", txn_id: "t1", content: { msgtype: "m.text", body: "hi" } },
  ]);
  expect(http).not.toHaveBeenCalled();
});

test("an unknown outcome is retried under the same transaction id, over HTTP if need be", async () => {
  const delivered: string[] = [];
  const { sync, send, sockets } = setup((method, params, socket) => (method === "send" ? undefined : welcome(method, params, socket)), {
    http: async (url) => {
      if (delivered.length === 0) {
        delivered.push("lost");
        throw new TypeError("down");
      }
      delivered.push(String(url));
      return jsonResponse(200, { event_id: "$9" });
    },
  });
  const first = sync("s1");
  await vi.advanceTimersByTimeAsync(10);
  await first;
  const sending = send("t7");
  await vi.advanceTimersByTimeAsync(5);
  sockets[0]?.break();
  await vi.advanceTimersByTimeAsync(5_000);
  expect(await (await sending).json()).toEqual({ event_id: "$9" });
  expect(sockets[0]?.sentOf("send")).toMatchObject([{ txn_id: "t7" }]);
  expect(delivered.at(-1)).toMatch(/\/send\/m\.room\.message\/t7$/);
});

test("a definite no is not retried and keeps its code", async () => {
  const { sync, send, sockets } = setup((method, params, socket) =>
    method === "send" ? { error: { errcode: "M_LIMIT_EXCEEDED", error: "slow down", retry_after_ms: 900 } } : welcome(method, params, socket),
  );
  const first = sync("s1");
  await vi.advanceTimersByTimeAsync(10);
  await first;
  const response = await send("t1");
  expect(response.status).toBe(429);
  expect(await response.json()).toMatchObject({ retry_after_ms: 900 });
  expect(sockets[0]?.sentOf("send")).toHaveLength(1);
});

test("typing that finds no connection is dropped, not sent late", async () => {
  const { transport, http } = setup(welcome);
  const response = await transport.fetch(`${BASE}/_matrix/client/v3/rooms/!r/typing/@a`, { method: "PUT", headers: AUTH, body: '{"typing":true}' });
  expect(response.ok).toBe(true);
  expect(http).toHaveBeenCalledOnce();
});

test("a refused token is renewed and the stream goes on; without renewal the SDK is told", async () => {
  let good = false;
  const answer: Answer = (method, params, socket) =>
    method === "auth" && !good ? { error: { errcode: "M_UNKNOWN_TOKEN" } } : welcome(method, params, socket);
  const renewing = setup(answer, { renew: async () => (good = true) });
  const synced = renewing.sync("s1");
  await vi.advanceTimersByTimeAsync(3_000);
  expect((await synced).next_batch).toBe("s1~");

  good = false;
  const refused = setup(answer);
  const answered = refused.transport.fetch(`${BASE}/_matrix/client/v3/sync?since=s1&timeout=0`, { headers: AUTH });
  await vi.advanceTimersByTimeAsync(100);
  expect((await answered).status).toBe(401);
});

test("a silent connection is found dead by its heartbeat", async () => {
  const { sync, sockets } = setup((method, params, socket) => (method === "ping" ? undefined : welcome(method, params, socket)));
  const first = sync("s1");
  await vi.advanceTimersByTimeAsync(10);
  await first;
  void sync("s1~", 120_000);
  await vi.advanceTimersByTimeAsync(60_000);
  expect(sockets[0]?.closedByClient).toBe(true);
  expect(sockets.length).toBeGreaterThan(1);
});

test("an aborted sync ends and leaves no answer behind", async () => {
  const { transport } = setup(welcome, { accept: false });
  const abort = new AbortController();
  const syncing = transport.fetch(`${BASE}/_matrix/client/v3/sync?since=s1&timeout=0`, { headers: AUTH, signal: abort.signal });
  const outcome = expect(syncing).rejects.toMatchObject({ name: "AbortError" });
  await vi.advanceTimersByTimeAsync(1_000);
  abort.abort();
  await vi.advanceTimersByTimeAsync(1_000);
  await outcome;
});

test("only what the protocol has becomes a frame", () => {
  const of = (method: string, path: string, body?: object) => frameOf(method, new URL(BASE + path), body && JSON.stringify(body));
  const room = "/_matrix/client/v3/rooms/!r";
  expect(of("PUT", `${room}/state/m.room.name`, { name: "x" })?.params).toMatchObject({ type: "m.room.name", state_key: "" });
  expect(of("PUT", `${room}/redact/$e/t1`, { reason: "spam" })).toMatchObject({ method: "redact", params: { event_id: "$e", txn_id: "t1", reason: "spam" } });
  expect(of("POST", `${room}/receipt/m.read/$e`, {})?.params).toMatchObject({ receipt_type: "m.read", event_id: "$e" });
  expect(of("POST", `${room}/read_markers`, { "m.fully_read": "$e" })?.method).toBe("read_marker");
  expect(of("PUT", "/_matrix/client/v3/presence/@a/status", { presence: "online" })?.method).toBe("presence");
  expect(of("PUT", `${room}/send/m.x/t1?ts=1`, {})).toBeUndefined();
  expect(of("POST", `${room}/invite`, { user_id: "@b" })).toBeUndefined();
  expect(of("PUT", `${room}/send/m.x/t1`, { body: "x".repeat(300_000) })).toBeUndefined();
});
