import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { Marker } from "./Marker";

beforeEach(() => void vi.useFakeTimers({ now: 0 }));
afterEach(() => void vi.useRealTimers());

function setUp() {
  const sent: string[] = [];
  let fail = false;
  const marker = new Marker(
    (id) => {
      sent.push(id);
      return fail ? Promise.reject(new Error("offline")) : Promise.resolve();
    },
    () => Date.now(),
  );
  return { marker, sent, failNext: (value: boolean) => (fail = value) };
}

describe("Marker", () => {
  it("sends the first mark at once and then only the newest once a second", () => {
    const { marker, sent } = setUp();
    marker.mark({ id: "$1", order: 1 });
    vi.advanceTimersByTime(0);
    for (let i = 2; i < 50; i++) marker.mark({ id: `$${i}`, order: i });
    vi.advanceTimersByTime(999);
    expect(sent).toEqual(["$1"]);
    vi.advanceTimersByTime(1);
    expect(sent).toEqual(["$1", "$49"]);
  });

  it("never goes back", () => {
    const { marker, sent } = setUp();
    marker.startAt({ id: "$5", order: 5 });
    marker.mark({ id: "$4", order: 4 });
    marker.mark({ id: "$5", order: 5 });
    vi.advanceTimersByTime(5000);
    expect(sent).toEqual([]);
  });

  it("tries again after a failure", async () => {
    const { marker, sent, failNext } = setUp();
    failNext(true);
    marker.mark({ id: "$1", order: 1 });
    await vi.advanceTimersByTimeAsync(0);
    failNext(false);
    marker.mark({ id: "$1", order: 1 });
    await vi.advanceTimersByTimeAsync(1000);
    expect(sent).toEqual(["$1", "$1"]);
  });

  it("sends what waits when the room is left", () => {
    const { marker, sent } = setUp();
    marker.mark({ id: "$1", order: 1 });
    marker.stop();
    expect(sent).toEqual(["$1"]);
  });
});
