import { describe, expect, it } from "vitest";
import { ScrollKeeper, type KeptRow } from "./ScrollKeeper";

const rows = (from: number, to: number, estimate = 50): KeptRow[] =>
  Array.from({ length: to - from }, (_, i) => ({ key: `m${from + i}`, estimate }));

/** Where a row's top edge stands in the viewport, given the keeper's own target. */
function onScreen(keeper: ScrollKeeper, all: readonly KeptRow[], heights: Map<string, number>, key: string): number {
  let top = 0;
  for (const row of all) {
    if (row.key === key) break;
    top += heights.get(row.key) ?? row.estimate;
  }
  return top - keeper.target();
}

function keeperAt(all: KeptRow[], scrollTop: number): ScrollKeeper {
  const keeper = new ScrollKeeper(100);
  keeper.setViewport(400);
  keeper.setRows(all);
  keeper.moved(scrollTop);
  return keeper;
}

describe("ScrollKeeper", () => {
  it("keeps the read message in place when history loads above", () => {
    const all = rows(100, 200);
    const keeper = keeperAt(all, 1000);
    const before = onScreen(keeper, all, new Map(), "m125");
    const more = rows(40, 200);
    keeper.setRows(more);
    expect(onScreen(keeper, more, new Map(), "m125")).toBe(before);
  });

  it("keeps it when rows above turn out taller than estimated", () => {
    const all = rows(0, 200);
    const keeper = keeperAt(all, 5000);
    const before = onScreen(keeper, all, new Map(), "m105");
    const heights = new Map(Array.from({ length: 90 }, (_, i) => [`m${i}`, 50 + (i % 7) * 13] as const));
    expect(keeper.measure(heights)).toBe(true);
    expect(onScreen(keeper, all, heights, "m105")).toBe(before);
  });

  it("keeps it when rows are dropped from both ends of the window", () => {
    const all = rows(0, 400);
    const keeper = keeperAt(all, 10_000);
    const before = onScreen(keeper, all, new Map(), "m205");
    const window = rows(150, 300);
    keeper.setRows(window);
    expect(onScreen(keeper, window, new Map(), "m205")).toBe(before);
  });

  it("stays at the end while messages arrive and images load", () => {
    const keeper = keeperAt(rows(0, 20), 600);
    expect(keeper.atBottom).toBe(true);
    keeper.setRows(rows(0, 21));
    expect(keeper.target()).toBe(21 * 50 - 400);
    keeper.measure([["m20", 300]]);
    expect(keeper.target()).toBe(20 * 50 + 300 - 400);
  });

  it("does not follow the end once the reader has scrolled up", () => {
    const keeper = keeperAt(rows(0, 20), 500);
    keeper.setRows(rows(0, 40));
    expect(keeper.target()).toBe(500);
  });

  it("does not carry the reader along when the end is only the end of a page", () => {
    const keeper = new ScrollKeeper(100);
    keeper.setViewport(400);
    keeper.setRows(rows(0, 20), false);
    keeper.moved(600);
    expect(keeper.atBottom).toBe(false);
    keeper.setRows(rows(0, 100), false);
    expect(keeper.target()).toBe(600);
  });

  it("holds the place when the end stops being the newest message", () => {
    const keeper = keeperAt(rows(0, 20), 600);
    expect(keeper.atBottom).toBe(true);
    keeper.setRows(rows(0, 100), false);
    expect(keeper.atBottom).toBe(false);
    expect(keeper.target()).toBe(600);
  });

  it("falls back to the next surviving row when the first visible one vanishes", () => {
    const all = rows(0, 100);
    const keeper = keeperAt(all, 2000);
    const before = onScreen(keeper, all, new Map(), "m42");
    const without = all.filter((row) => row.key !== "m40" && row.key !== "m41");
    keeper.setRows(without);
    expect(onScreen(keeper, without, new Map(), "m42")).toBe(before);
  });

  it("keeps what stands below when the first visible row itself shrinks", () => {
    const all = rows(0, 100);
    const keeper = keeperAt(all, 2000);
    const before = onScreen(keeper, all, new Map(), "m42");
    keeper.measure([["m40", 19]]);
    expect(onScreen(keeper, all, new Map([["m40", 19]]), "m42")).toBe(before);
  });

  it("never holds on to a day mark, because it moves up when older messages of that day load", () => {
    const all: KeptRow[] = [{ key: "day", estimate: 40, floating: true }, ...rows(50, 100)];
    const keeper = keeperAt(all, 0);
    const older: KeptRow[] = [{ key: "day", estimate: 40, floating: true }, ...rows(0, 100)];
    keeper.setRows(older);
    expect(onScreen(keeper, older, new Map(), "m50")).toBe(40);
  });

  it("draws only the viewport and its margins, and the spacers stand for the rest", () => {
    const keeper = keeperAt(rows(0, 10_000), 250_000);
    const slice = keeper.slice(250_000);
    expect(slice.end - slice.start).toBeLessThan(20);
    expect(slice.padTop + (slice.end - slice.start) * 50 + slice.padBottom).toBe(10_000 * 50);
  });

  it("centres a row that was jumped to, also after the rows around it are measured", () => {
    const all = rows(0, 100);
    const keeper = keeperAt(all, 4600);
    expect(keeper.center("m10")).toBe(true);
    expect(onScreen(keeper, all, new Map(), "m10")).toBe(175);
    const heights = new Map([["m3", 90]]);
    keeper.measure(heights);
    expect(onScreen(keeper, all, heights, "m10")).toBe(175);
    expect(keeper.center("elsewhere")).toBe(false);
  });

  it("leaves headroom above a short timeline so that it stands at the bottom", () => {
    expect(keeperAt(rows(0, 3), 0).headroom).toBe(250);
  });

  it("keeps the place through twenty thousand messages loaded page by page", () => {
    let first = 20_000;
    const keeper = keeperAt(rows(first, 20_060), 0);
    while (first > 0) {
      keeper.moved(Math.max(0, keeper.target() - 120));
      const all = rows(first, 20_060);
      const reading = keeper.visible(keeper.target())[1] ?? "";
      const before = onScreen(keeper, all, new Map(), reading);
      first = Math.max(0, first - 250);
      const more = rows(first, 20_060);
      keeper.setRows(more);
      expect(onScreen(keeper, more, new Map(), reading)).toBe(before);
    }
  });
});
