import { existsSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { chromium } from "playwright-core";
import type { Browser, BrowserContext, BrowserContextOptions, Locator, Page } from "playwright-core";
import { expect } from "vitest";

const PASSWORD = "correct horse battery";

/** An account, made over the public API. */
export interface Account {
  name: string;
  userId: string;
  displayName: string;
  token: string;
  deviceId: string;
  password: string;
}

export async function api<T = Record<string, unknown>>(url: string, method: string, path: string, token?: string, body?: unknown): Promise<T> {
  const response = await fetch(`${url}/_matrix/client/v3${path}`, {
    method,
    headers: { "Content-Type": "application/json", ...(token ? { Authorization: `Bearer ${token}` } : {}) },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const answer = (await response.json()) as T & { errcode?: string; error?: string };
  if (!response.ok && response.status !== 401) throw new Error(`${method} ${path}: ${response.status} ${answer.errcode} ${answer.error}`);
  return answer;
}

export async function register(url: string, name: string, displayName: string): Promise<Account> {
  const body = { username: name, password: PASSWORD };
  const challenge = await api<{ session?: string }>(url, "POST", "/register", undefined, body);
  const made = await api<{ user_id: string; access_token: string; device_id: string }>(url, "POST", "/register", undefined, {
    ...body,
    auth: { type: "m.login.dummy", session: challenge.session },
  });
  await api(url, "PUT", `/profile/${encodeURIComponent(made.user_id)}/displayname`, made.access_token, { displayname: displayName });
  return { name, userId: made.user_id, displayName, token: made.access_token, deviceId: made.device_id, password: PASSWORD };
}

export function launch(): Promise<Browser> {
  const executablePath = process.env["CHROMIUM"] ?? ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"].find(existsSync);
  if (!executablePath) throw new Error("no Chromium found: install it or set CHROMIUM to its path");
  return chromium.launch({
    executablePath,
    args: ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update", "--disable-sync", ...(process.env["CHATBOOK_CLIENT"] ? [LOCAL_ACCESS] : [])],
  });
}

/** A window whose page errors and policy violations are collected; `errors` must stay empty. */
export interface Window {
  page: Page;
  errors: string[];
}

export async function openWindow(browser: Browser, options: BrowserContextOptions): Promise<Window> {
  const context = await browser.newContext({ locale: "en-GB", reducedMotion: "reduce", ...options });
  context.setDefaultTimeout(30_000);
  if (process.env["CHATBOOK_CLIENT"]) await serveClient(context, process.env["CHATBOOK_CLIENT"]);
  const page = await context.newPage();
  const errors: string[] = [];
  page.on("pageerror", (error) => errors.push(String(error)));
  page.on("console", (message) => {
    // A refused request is a line of its own in the console; whether it matters, the tests say.
    if (message.type() === "error" && /Content Security Policy|Refused to|Uncaught/.test(message.text())) errors.push(message.text());
  });
  return { page, errors };
}

/** A page that does not come from the network may otherwise not open a WebSocket to this machine. */
const LOCAL_ACCESS = "--disable-features=LocalNetworkAccessChecks,LocalNetworkAccessChecksWebSockets";

/** The client from a directory instead of the one in the binary, for quick turns while working on it. */
async function serveClient(context: BrowserContext, directory: string): Promise<void> {
  await context.route(/^http:[/][/]127[.]0[.]0[.]1:[0-9]+[/](?!_matrix|_chatbook|[.]well-known)/, async (route) => {
    const path = new URL(route.request().url()).pathname;
    const file = join(directory, path);
    if (route.request().isNavigationRequest()) await route.fulfill({ path: join(directory, "index.html") });
    else await route.fulfill(existsSync(file) ? { path: file } : { status: 404 });
  });
}

export async function signIn(page: Page, url: string, account: Account): Promise<void> {
  await page.goto(url);
  await page.getByLabel("Name").fill(account.name);
  await page.getByLabel("Password", { exact: true }).fill(account.password);
  await page.getByRole("button", { name: "Sign in", exact: true }).click();
  await page.getByRole("navigation", { name: "Chats" }).waitFor();
}

/** A room that `owner` made and all are in. */
export async function roomOf(url: string, owner: Account, others: readonly Account[], name: string): Promise<string> {
  const { room_id } = await api<{ room_id: string }>(url, "POST", "/createRoom", owner.token, { name, preset: "private_chat", invite: others.map((other) => other.userId) });
  for (const other of others) await api(url, "POST", `/join/${encodeURIComponent(room_id)}`, other.token, {});
  return room_id;
}

let transactions = 0;

/** Sends a message over the API, as another client of the person would; `extra` goes into its content. */
export async function say(url: string, who: Account, roomId: string, body: string, extra: object = {}): Promise<string> {
  const path = `/rooms/${encodeURIComponent(roomId)}/send/m.room.message/test${transactions++}`;
  return (await api<{ event_id: string }>(url, "PUT", path, who.token, { msgtype: "m.text", body, ...extra })).event_id;
}

/** A window of a signed-in person, with the room open and something in it on the screen. */
export async function openRoom(browser: Browser, url: string, who: Account, roomId: string, viewport = { width: 1280, height: 860 }, options: BrowserContextOptions = {}): Promise<Window> {
  const window = await openWindow(browser, { viewport, ...options });
  await showRoom(window.page, url, who, roomId);
  return window;
}

/** Opens a room, or a message in it, as somebody who is signed in already. */
export async function showRoom(page: Page, url: string, who: Account, roomId: string, eventId?: string): Promise<void> {
  const session = { userId: who.userId, deviceId: who.deviceId, accessToken: who.token };
  await page.addInitScript(`localStorage.setItem("chatbook.session", ${JSON.stringify(JSON.stringify(session))})`);
  await page.goto(`${url}/room/${[roomId, ...(eventId ? [eventId] : [])].map(encodeURIComponent).join("/")}`);
  await page.locator("[data-type=message]").first().waitFor({ timeout: 60_000 });
}

/** Writes into the open room as a person does. On a phone Enter makes a new line, so the button sends. */
export async function write(page: Page, text: string): Promise<void> {
  await messageField(page).fill(text);
  await page.getByRole("button", { name: "Send", exact: true }).click();
}

export function messageField(page: Page): Locator {
  return page.getByLabel("Message", { exact: true });
}

const axeSource = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

/** Fails with every accessibility violation on the page as it is painted, contrast included. `without` names rules that do not fit: an open menu is in no landmark. */
export async function expectAccessiblePage(page: Page, where: string, without: readonly string[] = []): Promise<void> {
  // What is still fading in has another contrast than it will have.
  await page.evaluate(() => Promise.all(document.getAnimations().filter((a) => a.effect?.getComputedTiming().endTime !== Infinity).map((a) => a.finished.catch(() => undefined))));
  // Evaluated, not added as a <script>: the page's policy forbids those.
  await page.evaluate(axeSource);
  const violations = await page.evaluate(async () => {
    const axe = (globalThis as unknown as { axe: { run(): Promise<{ violations: { id: string; nodes: { html: string; failureSummary?: string }[] }[] }> } }).axe;
    const found = await axe.run();
    return found.violations.map(({ id, nodes }) => `${id}: ${nodes.map((node) => `${node.html} ${node.failureSummary ?? ""}`).join(" | ")}`);
  });
  expect(violations.filter((violation) => !without.some((rule) => violation.startsWith(`${rule}:`))), where).toEqual([]);
}
