/** Looks at an open timeline from inside the page, as it was painted. */
import type { Page } from "playwright-core";

export interface Motion {
  /** The farthest the rows on the screen moved from one painted frame to the next, px. */
  worstPx: number;
  /** The farthest they moved against the reader's direction (upwards while scrolling up), px. */
  backPx: number;
  /** The way the rows went down the screen altogether, px. */
  wayPx: number;
  /** Frames that drew no row of the one before: the reader was thrown elsewhere. */
  thrown: number;
  /** The numbers of all messages ("message 12 …") that were on the screen, in no order. */
  seen: number[];
  /** Each time neighbours did not follow each other by one, and every number that two rows had. */
  wrong: string[];
  mostRows: number;
}

/** From now on every painted frame is compared with the one before. */
export async function watch(page: Page): Promise<() => Promise<Motion>> {
  await page.evaluate(() => {
    const scroller = document.querySelector("[data-testid=timeline-scroller]");
    if (!scroller) throw new Error("no timeline");
    const box = scroller.getBoundingClientRect();
    const seen = new Set<number>();
    const out: Motion = { worstPx: 0, backPx: 0, wayPx: 0, thrown: 0, seen: [], wrong: [], mostRows: 0 };
    let last = new Map<Element, number>();
    let drawn = new Set<Element>();
    let going = true;
    const look = (): void => {
      const rows = [...scroller.querySelectorAll<HTMLElement>("[data-type=message]")];
      const now = new Map<Element, number>();
      const numbers: number[] = [];
      for (const row of rows) {
        const number = /: message (\d+)/.exec(row.querySelector("[role=article]")?.getAttribute("aria-label") ?? "")?.[1];
        if (number !== undefined) numbers.push(Number(number));
        const { top, bottom } = row.getBoundingClientRect();
        // The lower edge: a row loses the name above its bubble when older messages of the same person load above it.
        if (bottom > box.top && top < box.bottom) now.set(row, bottom);
      }
      const steps = [...now].flatMap(([row, bottom]) => (last.has(row) ? [bottom - (last.get(row) ?? 0)] : []));
      for (const step of steps) {
        out.worstPx = Math.max(out.worstPx, Math.abs(step));
        out.backPx = Math.max(out.backPx, -step);
      }
      if (steps.length > 0) out.wayPx += Math.max(...steps);
      if (drawn.size > 0 && !rows.some((row) => drawn.has(row))) out.thrown++;
      drawn = new Set(rows);
      numbers.forEach((number, i) => {
        if (i > 0 && number !== (numbers[i - 1] ?? 0) + 1) out.wrong.push(`${numbers[i - 1]},${number}`);
        seen.add(number);
      });
      out.mostRows = Math.max(out.mostRows, rows.length);
      last = now;
    };
    // After the frame's own work, so that what is read is what was painted.
    const channel = new MessageChannel();
    channel.port1.onmessage = look;
    const tick = (): void => {
      if (!going) return;
      channel.port2.postMessage(0);
      requestAnimationFrame(tick);
    };
    requestAnimationFrame(tick);
    Object.assign(globalThis, {
      endWatch: () => {
        going = false;
        return { ...out, wrong: out.wrong.slice(0, 20), seen: [...seen] };
      },
    });
  });
  return () => page.evaluate(() => (globalThis as unknown as { endWatch(): Motion }).endWatch());
}

/** Scrolls in steps of `stepPx` until `there` is on the screen and nothing moves any more. */
export async function scrollUntil(page: Page, stepPx: number, there: "beginning" | "end"): Promise<boolean> {
  return page.evaluate(
    async ({ stepPx, there }) => {
      const scroller = document.querySelector("[data-testid=timeline-scroller]");
      if (!scroller) throw new Error("no timeline");
      const begin = performance.now();
      let still = 0;
      while (performance.now() - begin < 60_000) {
        const from = scroller.scrollTop;
        scroller.scrollTop = from + stepPx;
        const moved = scroller.scrollTop !== from;
        await new Promise((next) => requestAnimationFrame(next));
        await new Promise((next) => requestAnimationFrame(next));
        const arrived = there === "beginning" ? scroller.querySelector("[data-type=beginning]") : !scroller.querySelector("[data-type=newer]");
        still = arrived && !moved ? still + 1 : 0;
        if (still > 5) return true;
      }
      return false;
    },
    { stepPx, there },
  );
}

/** Until the page has painted twice. */
export function painted(page: Page): Promise<void> {
  return page.evaluate(() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => setTimeout(done, 20)))));
}

/** 0, 1, 2 … `count` - 1. */
export function upTo(count: number): number[] {
  return Array.from({ length: count }, (_, n) => n);
}

export function sorted(numbers: readonly number[]): number[] {
  return [...numbers].sort((a, b) => a - b);
}
