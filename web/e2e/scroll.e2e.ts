/** Whatever arrives, what is being read stands still. */
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { api, launch, openWindow, register, roomOf, say, showRoom } from "./people";
import type { Account } from "./people";
import { startServer } from "./server";
import type { TestServer } from "./server";
import { painted, scrollUntil, sorted, upTo, watch } from "./timeline";

const MESSAGES = 500;
// A picture of one pixel: without declared sizes its place must not depend on it.
const PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";

let server: TestServer;
let browser: Browser;
let ada: Account;
let tom: Account;
let roomId: string;
const ids: string[] = [];

beforeAll(async () => {
  server = await startServer();
  browser = await launch();
  [ada, tom] = await Promise.all([register(server.url, "ada", "Ada"), register(server.url, "tom", "Tom")]);
  roomId = await roomOf(server.url, ada, [tom], "Mixed");
  const upload = await fetch(`${server.url}/_matrix/media/v3/upload?filename=p.png`, {
    method: "POST",
    headers: { Authorization: `Bearer ${ada.token}`, "Content-Type": "image/png" },
    body: Buffer.from(PIXEL, "base64"),
  });
  const { content_uri } = (await upload.json()) as { content_uri: string };
  for (const n of upTo(MESSAGES)) ids.push(await sayMixed(n, content_uri));
});
afterAll(async () => {
  await browser?.close();
  await server?.remove();
});

/** Runs of both people, one line to forty, pictures, quotes. */
function sayMixed(n: number, mxc: string): Promise<string> {
  const who = n % 7 < 4 ? ada : tom;
  if (n % 11 === 5) return say(server.url, who, roomId, `message ${n}`, { msgtype: "m.image", filename: "p.png", url: mxc });
  if (n % 13 === 6) return say(server.url, who, roomId, `message ${n}\n${"a line\n".repeat(40)}`);
  const reply = n % 9 === 4 && ids[n - 3] ? { "m.relates_to": { "m.in_reply_to": { event_id: ids[n - 3] } } } : {};
  return say(server.url, who, roomId, `message ${n} ${"words and more ".repeat((n * 5) % 23)}`, reply);
}

async function open(width: number, reducedMotion: "reduce" | "no-preference"): Promise<{ page: Page; errors: string[] }> {
  const window = await openWindow(browser, { viewport: { width, height: 760 }, reducedMotion });
  await showRoom(window.page, server.url, ada, roomId);
  const box = await window.page.getByTestId("timeline-scroller").boundingBox();
  await window.page.mouse.move((box?.x ?? 0) + width / 4, (box?.y ?? 0) + 300);
  return window;
}

const beginning = (page: Page): Promise<boolean> => page.locator("[data-type=beginning]").isVisible();

describe.each([
  [1280, "reduce"],
  [390, "no-preference"],
] as const)("at %i px, motion: %s", (width, motion) => {
  it("the wheel reaches the beginning past every message, and nothing moves against it", async () => {
    const { page, errors } = await open(width, motion);
    const stop = await watch(page);
    let sent = 0;
    for (; sent < 400 && !(await beginning(page)); sent++) await page.mouse.wheel(0, -420);
    await page.waitForTimeout(400);
    const seen = await stop();
    expect(seen.wrong).toEqual([]);
    expect(sorted(seen.seen)).toEqual(upTo(MESSAGES));
    expect(seen.backPx).toBeLessThanOrEqual(1);
    expect(seen.wayPx).toBeLessThanOrEqual(sent * 420 + 1);
    expect(seen.thrown).toBe(0);
    expect(errors).toEqual([]);
    await page.context().close();
  });

  it("each PageUp moves by less than a screen, wherever the focus was", async () => {
    const { page } = await open(width, motion);
    await page.getByRole("article").last().focus();
    const stop = await watch(page);
    for (let i = 0; i < 25; i++) {
      await page.keyboard.press("PageUp");
      await painted(page);
      if (motion === "no-preference") await page.waitForTimeout(250);
    }
    const seen = await stop();
    expect(seen.backPx).toBeLessThanOrEqual(1);
    expect(seen.thrown).toBe(0);
    expect(seen.wayPx).toBeGreaterThan(25 * 300);
    expect(seen.wayPx).toBeLessThanOrEqual(25 * 760);
    expect(seen.wrong).toEqual([]);
    await page.context().close();
  });

  it("after a leap to the very top, what stands there stays while older messages load above it", async () => {
    const { page } = await open(width, motion);
    await page.getByTestId("timeline-scroller").evaluate((scroller) => (scroller.scrollTop = 0));
    await page.waitForTimeout(100);
    const stop = await watch(page);
    await page.waitForTimeout(1_200);
    const seen = await stop();
    expect(seen.worstPx).toBeLessThanOrEqual(1);
    expect(seen.wrong).toEqual([]);
    await page.context().close();
  });

  it("new messages, reactions, edits and typing do not move whoever reads history; one press leads to the new ones", async () => {
    const { page, errors } = await open(width, motion);
    for (let i = 0; i < 8; i++) await page.mouse.wheel(0, -600);
    await page.waitForTimeout(800);
    const above = await page.evaluate(() => {
      const rows = [...document.querySelectorAll<HTMLElement>("[data-type=message]")].filter((row) => row.getBoundingClientRect().bottom < 0);
      return rows.map((row) => row.querySelector<HTMLElement>("[data-event-id]")?.dataset["eventId"] ?? "");
    });
    const above0 = above.at(-1) ?? "";
    expect(above0).toMatch(/^\$/);
    const stop = await watch(page);
    const room = `/rooms/${encodeURIComponent(roomId)}`;
    await api(server.url, "PUT", `${room}/typing/${encodeURIComponent(tom.userId)}`, tom.token, { typing: true, timeout: 5_000 });
    await api(server.url, "PUT", `${room}/send/m.reaction/r${width}`, tom.token, { "m.relates_to": { rel_type: "m.annotation", event_id: above0, key: "👍" } });
    const longer = { msgtype: "m.text", body: `message ${ids.indexOf(above0)}\n${"longer\n".repeat(30)}` };
    const writer = sayer(above0);
    await api(server.url, "PUT", `${room}/send/m.room.message/e${width}`, writer.token, { ...longer, "m.new_content": longer, "m.relates_to": { rel_type: "m.replace", event_id: above0 } });
    const fresh = [];
    for (const n of upTo(5)) fresh.push(await say(server.url, tom, roomId, `news ${n} at ${width}`));
    await page.getByRole("button", { name: "Jump to 5 new messages" }).waitFor();
    await page.waitForTimeout(500);
    const seen = await stop();
    expect(seen.worstPx).toBeLessThanOrEqual(1);
    await page.getByRole("button", { name: "Jump to 5 new messages" }).click();
    await expect.poll(() => page.getByRole("article", { name: `news 4 at ${width}` }).isVisible()).toBe(true);
    await page.getByRole("button", { name: /Jump to/ }).waitFor({ state: "hidden" });
    expect(errors).toEqual([]);
    for (const id of fresh) await api(server.url, "PUT", `${room}/redact/${encodeURIComponent(id)}/x${id.slice(1, 12)}`, tom.token, {});
    await page.context().close();
  });
});

function sayer(id: string): Account {
  return ids.indexOf(id) % 7 < 4 ? ada : tom;
}

it("scrolling down again from the beginning meets every message too", async () => {
  const { page } = await open(1280, "reduce");
  expect(await scrollUntil(page, -900, "beginning")).toBe(true);
  const stop = await watch(page);
  expect(await scrollUntil(page, 600, "end")).toBe(true);
  const seen = await stop();
  expect(seen.wrong).toEqual([]);
  expect(sorted(seen.seen)).toEqual(expect.arrayContaining(upTo(MESSAGES)));
  await page.context().close();
});
