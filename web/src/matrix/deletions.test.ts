import type { MatrixClient } from "matrix-js-sdk";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { Deletions, UNDO_MS } from "./deletions";

function setUp(answer: () => Promise<unknown> = () => Promise.resolve({})) {
  const paths: string[] = [];
  let txn = 0;
  const client = {
    getSafeUserId: () => "@ada:x",
    getHomeserverUrl: () => "http://here",
    getAccessToken: () => "token",
    makeTxnId: () => `t${++txn}`,
    http: {
      authedRequest: (_: string, path: string) => {
        paths.push(path);
        return answer();
      },
    },
  } as unknown as MatrixClient;
  return { client, paths, deletions: new Deletions(client) };
}

const refusal = () => Promise.reject(Object.assign(new Error("no"), { httpStatus: 403 }));

describe("Deletions", () => {
  beforeEach(() => {
    localStorage.clear();
    vi.useFakeTimers({ now: 1_000_000 });
  });
  afterEach(() => void vi.useRealTimers());

  it("hides the message at once and tells the server when the time to undo is over", async () => {
    const { deletions, paths } = setUp();
    const outcome = deletions.delete("!r", "$1", "rude");
    expect(deletions.isHidden("$1")).toBe(true);
    await vi.advanceTimersByTimeAsync(UNDO_MS - 1);
    expect(paths).toEqual([]);
    expect(deletions.canUndo("$1")).toBe(true);
    await vi.advanceTimersByTimeAsync(1);
    expect(paths).toEqual(["/rooms/!r/redact/%241/t1"]);
    await expect(outcome).resolves.toBe("deleted");
    expect(deletions.isHidden("$1")).toBe(true);
    expect(localStorage).toHaveLength(0);
  });

  it("sends nothing after an undo", async () => {
    const { deletions, paths } = setUp();
    const outcome = deletions.delete("!r", "$1");
    deletions.undo("$1");
    await expect(outcome).resolves.toBe("undone");
    await vi.advanceTimersByTimeAsync(UNDO_MS * 2);
    expect(paths).toEqual([]);
    expect(deletions.isHidden("$1")).toBe(false);
    expect(localStorage).toHaveLength(0);
  });

  it("shows the message again when the server refuses", async () => {
    const { deletions } = setUp(refusal);
    const outcome = deletions.delete("!r", "$1");
    await vi.advanceTimersByTimeAsync(UNDO_MS);
    await expect(outcome).resolves.toBe("refused");
    expect(deletions.isHidden("$1")).toBe(false);
    expect(localStorage).toHaveLength(0);
  });

  it("tries again under the same transaction id while the server cannot be reached", async () => {
    let up = false;
    const { deletions, paths } = setUp(() => (up ? Promise.resolve({}) : Promise.reject(new TypeError("network"))));
    void deletions.delete("!r", "$1");
    await vi.advanceTimersByTimeAsync(UNDO_MS + 5000);
    expect(paths.length).toBeGreaterThan(1);
    expect(deletions.canUndo("$1")).toBe(false);
    expect(localStorage).toHaveLength(1);
    up = true;
    await vi.advanceTimersByTimeAsync(60_000);
    expect(new Set(paths).size).toBe(1);
    expect(localStorage).toHaveLength(0);
  });

  it("takes up at the start what another page left, with the id it had", async () => {
    const before = setUp();
    void before.deletions.delete("!r", "$1");
    before.deletions.start()();
    const { deletions, paths } = setUp();
    const stop = deletions.start();
    expect(deletions.isHidden("$1")).toBe(true);
    await vi.advanceTimersByTimeAsync(UNDO_MS);
    expect(paths).toEqual(["/rooms/!r/redact/%241/t1"]);
    stop();
  });

  it("leaves alone what another tab has undone meanwhile", async () => {
    const one = setUp();
    void one.deletions.delete("!r", "$1");
    const two = setUp();
    const stop = two.deletions.start();
    one.deletions.undo("$1");
    await vi.advanceTimersByTimeAsync(UNDO_MS);
    expect([...one.paths, ...two.paths]).toEqual([]);
    expect(two.deletions.isHidden("$1")).toBe(false);
    stop();
  });

  it("sends what waits when the page is left, and still knows it afterwards", async () => {
    const { deletions } = setUp();
    const fetched = vi.spyOn(globalThis, "fetch").mockResolvedValue(new Response("{}"));
    const stop = deletions.start();
    void deletions.delete("!r", "$1");
    window.dispatchEvent(new Event("pagehide"));
    expect(fetched).toHaveBeenCalledWith("http://here/_matrix/client/v3/rooms/!r/redact/%241/t1", expect.objectContaining({ method: "PUT", keepalive: true }));
    expect(JSON.parse(localStorage.getItem("chatbook.deletions.@ada:x") ?? "")).toMatchObject([{ eventId: "$1", due: 1_000_000 }]);
    stop();
  });

  it("deletes also without a storage", async () => {
    const broken = {
      getItem: () => null,
      setItem: () => {
        throw new DOMException("full", "QuotaExceededError");
      },
      removeItem: () => undefined,
    } as unknown as Storage;
    const { client, paths } = setUp();
    void new Deletions(client, broken).delete("!r", "$1");
    await vi.advanceTimersByTimeAsync(UNDO_MS);
    expect(paths).toHaveLength(1);
  });

  it("survives rubbish in the storage", () => {
    localStorage.setItem("chatbook.deletions.@ada:x", '[{"roomId":5}, null]');
    expect(() => setUp().deletions.start()()).not.toThrow();
  });
});
