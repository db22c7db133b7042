/** To a message far back in history, by its quote or by its address, and back to the newest. */
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { launch, openRoom, openWindow, register, roomOf, say, showRoom, write } from "./people";
import type { Account } from "./people";
import { startServer } from "./server";
import type { TestServer } from "./server";
import { painted, scrollUntil, sorted, upTo, watch } from "./timeline";

const MESSAGES = 400;
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
  roomId = await roomOf(server.url, ada, [tom], "Archive");
  for (const n of upTo(MESSAGES)) ids.push(await say(server.url, n % 5 < 3 ? ada : tom, roomId, `message ${n} ${"and more ".repeat(n % 17)}`));
});
afterAll(async () => {
  await browser?.close();
  await server?.remove();
});

const article = (page: Page, n: number) => page.getByRole("article", { name: new RegExp(`: message ${n}( |$)`) });

/** It stands on the screen, glows, and has the focus. */
async function expectShown(page: Page, n: number): Promise<void> {
  await article(page, n).waitFor();
  await expect.poll(() => article(page, n).evaluate((element) => element === document.activeElement)).toBe(true);
  const box = await article(page, n).boundingBox();
  const height = page.viewportSize()?.height ?? 0;
  expect(box?.y).toBeGreaterThan(0);
  expect((box?.y ?? 0) + (box?.height ?? 0)).toBeLessThan(height);
  expect(await article(page, n).evaluate((element) => element.parentElement?.getAnimations().length)).toBeGreaterThan(0);
}

test("a quote leads to its message far back; from there history goes on in both directions, and one press leads to the newest", async () => {
  const reply = await say(server.url, tom, roomId, "what did you mean there?", { "m.relates_to": { "m.in_reply_to": { event_id: ids[12] } } });
  const { page, errors } = await openRoom(browser, server.url, ada, roomId);
  await page.locator(`[data-event-id="${reply}"]`).getByRole("button", { name: /Go to the message:/ }).click();
  await expectShown(page, 12);
  // It stands still while pages load above and below.
  const stop = await watch(page);
  await page.waitForTimeout(700);
  expect((await stop()).worstPx).toBeLessThanOrEqual(1);

  await page.getByRole("button", { name: "Jump to the newest messages" }).click();
  await expect.poll(() => page.getByRole("article", { name: /what did you mean there/ }).isVisible()).toBe(true);
  await page.getByRole("button", { name: /Jump to/ }).waitFor({ state: "hidden" });

  await page.locator(`[data-event-id="${reply}"]`).getByRole("button", { name: /Go to the message:/ }).click();
  await expectShown(page, 12);
  const walk = await watch(page);
  expect(await scrollUntil(page, -400, "beginning")).toBe(true);
  expect(await scrollUntil(page, 600, "end")).toBe(true);
  const seen = await walk();
  expect(seen.wrong).toEqual([]);
  expect(sorted(seen.seen)).toEqual(upTo(MESSAGES));
  expect(errors).toEqual([]);
  await page.context().close();
});

test("the address of a message opens the room there, on a phone too, and works again", async () => {
  const { page, errors } = await openWindow(browser, { viewport: { width: 390, height: 800 }, hasTouch: true, isMobile: true });
  await showRoom(page, server.url, ada, roomId, ids[40]);
  await expectShown(page, 40);
  await page.getByRole("button", { name: "Jump to the newest messages" }).click();
  await page.getByRole("button", { name: /Jump to/ }).waitFor({ state: "hidden" });
  await page.goto(`${server.url}/room/${encodeURIComponent(roomId)}/${encodeURIComponent(ids[40] ?? "")}`);
  await expectShown(page, 40);
  expect(errors).toEqual([]);
  await page.context().close();
});

test("a link to a message in a message leads there without leaving the page", async () => {
  const href = `${server.url}/room/${encodeURIComponent(roomId)}/${encodeURIComponent(ids[25] ?? "")}`;
  await say(server.url, tom, roomId, `see ${href} for that`);
  const { page } = await openRoom(browser, server.url, ada, roomId);
  await page.evaluate(() => Object.assign(globalThis, { stayed: true }));
  await page.getByRole("article").getByRole("link", { name: href }).click();
  await expectShown(page, 25);
  expect(await page.evaluate(() => "stayed" in globalThis)).toBe(true);
  expect(page.context().pages()).toHaveLength(1);
  await page.context().close();
});

test("whoever writes while far back comes to the end and sees it", async () => {
  const { page } = await openWindow(browser, { viewport: { width: 1280, height: 800 } });
  await showRoom(page, server.url, ada, roomId, ids[60]);
  await expectShown(page, 60);
  await write(page, "written from far back");
  const mine = page.getByRole("article", { name: /written from far back/ });
  await mine.waitFor();
  await painted(page);
  expect((await mine.boundingBox())?.y).toBeLessThan(800);
  await page.getByRole("button", { name: /Jump to/ }).waitFor({ state: "hidden" });
  await page.context().close();
});

test("the address of a message that does not exist says so and shows the newest", async () => {
  const { page } = await openWindow(browser, { viewport: { width: 1280, height: 800 } });
  await showRoom(page, server.url, ada, roomId, "$nothing");
  await page.getByText("That message could not be found.").waitFor();
  await expect.poll(() => page.getByRole("article").last().isVisible()).toBe(true);
  await page.context().close();
});
