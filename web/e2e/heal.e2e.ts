import type { MatrixClient, Room } from "matrix-js-sdk";
import type { Browser } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { api, launch, openWindow, register, roomOf, say, signIn, write } from "./people";
import type { Account, Window } from "./people";
import { bodiesOf, startSdk, until } from "./sdk";
import { startServer } from "./server";
import type { TestServer } from "./server";
import { scrollUntil, sorted, upTo, watch } from "./timeline";

let server: TestServer;
let browser: Browser;
let desk: Window;
let sdk: MatrixClient;
let lena: Account;
let jun: Account;
let room: Room;

beforeAll(async () => {
  server = await startServer();
  [lena, jun] = await Promise.all([register(server.url, "lena", "Lena Maier"), register(server.url, "jun", "Jun Park")]);
  const made = await api<{ room_id: string }>(server.url, "POST", "/createRoom", jun.token, { name: "Storm", preset: "private_chat", invite: [lena.userId] });
  await api(server.url, "POST", `/join/${encodeURIComponent(made.room_id)}`, lena.token, {});
  sdk = await startSdk(server.url, jun);
  room = await until("the room", () => sdk.getRoom(made.room_id));
  browser = await launch();
  desk = await openWindow(browser, { viewport: { width: 1280, height: 800 } });
  await signIn(desk.page, server.url, lena);
  await desk.page.getByRole("link", { name: /Storm/ }).click();
  await desk.page.getByRole("heading", { level: 1, name: "Storm" }).waitFor();
});

afterAll(async () => {
  sdk?.stopClient();
  await browser?.close();
  await server?.remove();
});

/** What the server has, asked of it anew. */
async function onServer(): Promise<string[]> {
  const path = `/rooms/${encodeURIComponent(room.roomId)}/messages?dir=b&limit=200`;
  const { chunk } = await api<{ chunk: { type: string; content: { body?: string } }[] }>(server.url, "GET", path, jun.token);
  return chunk
    .filter((event) => event.type === "m.room.message")
    .map((event) => event.content.body ?? "")
    .toReversed();
}

async function onScreen(prefix: string): Promise<string[]> {
  const labels = await desk.page.getByRole("article").evaluateAll((rows) => rows.map((row) => row.getAttribute("aria-label") ?? ""));
  return labels.map((label) => new RegExp(`${prefix} \\d+`).exec(label)?.[0] ?? "").filter(Boolean);
}

test("the server dies and returns while messages are written: none is lost, none comes twice, the order stays", async () => {
  const { page } = desk;
  const wanted = Array.from({ length: 14 }, (_, n) => `storm ${n}`);
  for (const text of wanted.slice(0, 5)) await write(page, text);
  // Some of these are under way at this moment.
  await server.kill();
  for (const text of wanted.slice(5, 10)) await write(page, text);
  await page.getByText(/Reconnecting/).first().waitFor();
  // They stand in the room although nobody has them yet.
  await page.getByRole("article", { name: "storm 9" }).waitFor();
  await server.start();
  for (const text of wanted.slice(10)) await write(page, text);

  await page.getByText(/Reconnecting/).first().waitFor({ state: "detached", timeout: 45_000 });
  await until("all of it on the SDK", () => wanted.every((text) => bodiesOf(room).includes(text)), 60_000);
  expect(await onServer()).toEqual(wanted);
  expect(bodiesOf(room)).toEqual(wanted);
  expect(await onScreen("storm")).toEqual(wanted);
  await expect.poll(() => page.getByRole("img", { name: /^(Sending|Not sent)$/ }).count(), { timeout: 20_000 }).toBe(0);
});

test("what others wrote during the outage is there afterwards, once", async () => {
  await server.kill();
  await server.start();
  await until("the SDK back", () => sdk.getSyncState() === "SYNCING", 60_000);
  for (const n of [0, 1, 2]) await sdk.sendTextMessage(room.roomId, `meanwhile ${n}`);
  await desk.page.getByRole("article", { name: "meanwhile 2" }).waitFor({ timeout: 45_000 });
  expect(await onScreen("meanwhile")).toEqual(["meanwhile 0", "meanwhile 1", "meanwhile 2"]);
});

test("a message written without a network goes out when it is back, without being asked", async () => {
  const { page } = desk;
  await page.context().setOffline(true);
  await write(page, "tunnel 0");
  await page.getByRole("article", { name: "tunnel 0" }).waitFor();
  await page.waitForTimeout(1_500);
  await page.context().setOffline(false);
  await until("the message on the SDK", () => bodiesOf(room).includes("tunnel 0"), 45_000);
  await write(page, "tunnel 1");
  await until("the next message on the SDK", () => bodiesOf(room).includes("tunnel 1"), 45_000);
  expect((await onServer()).filter((body) => body.startsWith("tunnel"))).toEqual(["tunnel 0", "tunnel 1"]);
});

test("a reload shows everything from what is kept, and goes on", async () => {
  const { page } = desk;
  await page.reload();
  await page.getByRole("article", { name: "tunnel 1" }).waitFor();
  await sdk.sendTextMessage(room.roomId, "after the reload");
  await page.getByRole("article", { name: "after the reload" }).waitFor();
  expect(await page.getByRole("article", { name: "after the reload" }).count()).toBe(1);
  expect(desk.errors).toEqual([]);
});

test.each(["at the end", "in history"])("after a long absence everything is there once and in order: %s", async (where) => {
  const { page } = desk;
  const name = `Absence ${where}`;
  const long = await roomOf(server.url, lena, [jun], name);
  for (const n of upTo(120)) await say(server.url, jun, long, `message ${n}`);
  await page.getByRole("link", { name: new RegExp(name) }).click();
  // It opens where the unread messages begin.
  await page.getByText("New messages", { exact: true }).waitFor();
  await page.getByRole("button", { name: /Jump to/ }).click();
  await page.getByRole("article", { name: /: message 119$/ }).waitFor();
  if (where === "in history") {
    await page.getByTestId("timeline-scroller").evaluate((scroller) => (scroller.scrollTop -= 1_500));
    await page.getByRole("button", { name: /Jump to/ }).waitFor();
  }
  await page.context().setOffline(true);
  // An open WebSocket outlives the emulated outage; the server's end does not.
  await server.kill();
  await server.start();
  for (const n of upTo(300)) await say(server.url, jun, long, `message ${120 + n}`);
  const stop = await watch(page);
  await page.context().setOffline(false);
  // The list tells that the client has caught up.
  await page.getByRole("link", { name: new RegExp(`${name}.*message 419`) }).waitFor({ timeout: 45_000 });
  if (where === "in history") {
    const before = await stop();
    expect(before.worstPx).toBeLessThanOrEqual(1);
  } else {
    await page.getByRole("article", { name: /: message 419$/ }).waitFor();
    await stop();
  }
  const walk = await watch(page);
  if (where === "in history") {
    expect(await scrollUntil(page, 500, "end")).toBe(true);
    await page.getByRole("article", { name: /: message 419$/ }).waitFor();
  }
  expect(await scrollUntil(page, -500, "beginning")).toBe(true);
  const seen = await walk();
  expect(seen.wrong).toEqual([]);
  expect(sorted(seen.seen)).toEqual(upTo(420));
  expect(desk.errors).toEqual([]);
});
