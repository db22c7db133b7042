/** What is new, what was read, and who knows. */
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { api, launch, openWindow, register, roomOf, say, signIn } from "./people";
import type { Account } from "./people";
import { startServer } from "./server";
import type { TestServer } from "./server";
import { upTo } from "./timeline";

let server: TestServer;
let browser: Browser;
let ada: Account;
let tom: Account;
let roomId: string;

beforeAll(async () => {
  server = await startServer();
  browser = await launch();
  [ada, tom] = await Promise.all([register(server.url, "ada", "Ada"), register(server.url, "tom", "Tom")]);
  roomId = await roomOf(server.url, ada, [tom], "Reading");
  await roomOf(server.url, ada, [tom], "Elsewhere");
});
afterAll(async () => {
  await browser?.close();
  await server?.remove();
});

async function readAs(who: Account): Promise<string> {
  const path = `/user/${encodeURIComponent(who.userId)}/rooms/${encodeURIComponent(roomId)}/account_data/m.fully_read`;
  return String((await api(server.url, "GET", path, who.token).catch(() => ({ event_id: "" }) as Record<string, unknown>))["event_id"]);
}

/** As a tab in the background: the page is told, and says so when asked. */
async function hide(page: Page, hidden: boolean): Promise<void> {
  await page.evaluate((hidden) => {
    Object.defineProperty(document, "visibilityState", { configurable: true, get: () => (hidden ? "hidden" : "visible") });
    Object.defineProperty(document, "hidden", { configurable: true, get: () => hidden });
    document.dispatchEvent(new Event("visibilitychange", { bubbles: true }));
  }, hidden);
}

test("opening a room with unread messages shows where they begin; reading tells the others and empties the count, but not behind a hidden tab", async () => {
  const first = await say(server.url, ada, roomId, "old news");
  await api(server.url, "POST", `/rooms/${encodeURIComponent(roomId)}/read_markers`, tom.token, { "m.fully_read": first, "m.read": first });
  const ids: string[] = [];
  for (const n of upTo(40)) ids.push(await say(server.url, ada, roomId, `fresh ${n} ${"with words ".repeat(20)}`));

  const writer = await openWindow(browser, { viewport: { width: 1280, height: 700 } });
  await signIn(writer.page, server.url, ada);
  await writer.page.getByRole("link", { name: /Reading/ }).click();
  const reader = await openWindow(browser, { viewport: { width: 1280, height: 700 } });
  const { page } = reader;
  await signIn(page, server.url, tom);
  const list = page.getByRole("navigation", { name: "Chats" });
  await list.getByText("40 unread messages").waitFor();

  await list.getByRole("link", { name: /Reading/ }).click();
  await page.getByText("New messages", { exact: true }).waitFor();
  expect(await page.getByText("New messages", { exact: true }).isVisible()).toBe(true);
  await page.getByRole("article", { name: /fresh 0 / }).waitFor();
  // Only what was on the screen counts as read.
  await expect.poll(() => readAs(tom), { timeout: 10_000 }).not.toBe(first);
  expect(ids.indexOf(await readAs(tom))).toBeLessThan(30);

  await page.getByRole("button", { name: /Jump to/ }).click();
  await page.getByRole("article", { name: /fresh 39 / }).waitFor();
  await expect.poll(() => readAs(tom), { timeout: 10_000 }).toBe(ids[39]);
  await list.getByText("unread message").waitFor({ state: "detached" });
  await writer.page.getByRole("img", { name: "Seen by Tom" }).waitFor();

  await hide(page, true);
  const later = await say(server.url, ada, roomId, "while you were away");
  await list.getByText("1 unread message").waitFor();
  await page.waitForTimeout(1_500);
  expect(await readAs(tom)).toBe(ids[39]);
  await hide(page, false);
  await expect.poll(() => readAs(tom), { timeout: 10_000 }).toBe(later);
  await page.getByText("New messages", { exact: true }).waitFor();
  await list.getByText("1 unread message").waitFor({ state: "detached" });
  expect([...reader.errors, ...writer.errors]).toEqual([]);
  await page.context().close();
  await writer.page.context().close();
});
