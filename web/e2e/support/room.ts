/** Real people in a real room on the server under test, and a real browser that looks at it. */
import { fileURLToPath } from "node:url";
import { chromium, type Browser, type Page } from "playwright-core";
import { createServer, type ViteDevServer } from "vite";

export interface Person {
  readonly userId: string;
  readonly token: string;
  readonly deviceId: string;
}

/** Where the server under test listens. It must have registration open and its rate limits lifted. */
export const SERVER = process.env.CHATBOOK_E2E_SERVER ?? "";

export async function call<T>(method: string, path: string, token?: string, body?: unknown): Promise<T> {
  const response = await fetch(`${SERVER}/_matrix/client/v3${path}`, {
    method,
    headers: { "content-type": "application/json", ...(token ? { authorization: `Bearer ${token}` } : {}) },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const answer = (await response.json()) as T;
  if (!response.ok) throw new Error(`${method} ${path}: ${JSON.stringify(answer)}`);
  return answer;
}

let counter = 0;
const unique = (): string => `${Date.now().toString(36)}${counter++}`;

export async function register(name: string): Promise<Person> {
  const answer = await call<{ user_id: string; access_token: string; device_id: string }>("POST", "/register", undefined, {
    auth: { type: "m.login.dummy" },
    username: `${name.toLowerCase()}-${unique()}`,
    password: `correct horse ${name}`,
  });
  const person = { userId: answer.user_id, token: answer.access_token, deviceId: answer.device_id };
  await call("PUT", `/profile/${encodeURIComponent(person.userId)}/displayname`, person.token, { displayname: name });
  return person;
}

export async function roomOf(owner: Person, others: readonly Person[], name: string): Promise<string> {
  const { room_id } = await call<{ room_id: string }>("POST", "/createRoom", owner.token, {
    name,
    preset: "private_chat",
    invite: others.map((other) => other.userId),
  });
  for (const other of others) await call("POST", `/join/${encodeURIComponent(room_id)}`, other.token, {});
  return room_id;
}

export async function say(who: Person, roomId: string, body: string): Promise<string> {
  const path = `/rooms/${encodeURIComponent(roomId)}/send/m.room.message/${unique()}`;
  return (await call<{ event_id: string }>("PUT", path, who.token, { msgtype: "m.text", body })).event_id;
}

export interface Stage {
  readonly browser: Browser;
  readonly open: (who: Person, roomId: string, size?: { width: number; height: number }) => Promise<Page>;
  readonly close: () => Promise<void>;
}

/** The web client as `npm run dev` serves it, in front of the server under test. */
export async function stage(): Promise<Stage> {
  const proxy = { "/_matrix": { target: SERVER, ws: true }, "/_chatbook": { target: SERVER, ws: true } };
  const vite: ViteDevServer = await createServer({
    root: fileURLToPath(new URL("../..", import.meta.url)),
    logLevel: "error",
    server: { host: "127.0.0.1", port: 0, hmr: false, proxy },
  });
  await vite.listen();
  const origin = vite.resolvedUrls?.local[0]?.replace(/\/$/, "") ?? "";
  const browser = await chromium.launch({
    executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
    args: ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update", "--disable-sync"],
  });
  return {
    browser,
    async open(who, roomId, size = { width: 1280, height: 860 }) {
      const context = await browser.newContext({ viewport: size });
      const session = { userId: who.userId, deviceId: who.deviceId, accessToken: who.token };
      await context.addInitScript(`localStorage.setItem("chatbook.session", ${JSON.stringify(JSON.stringify(session))})`);
      const page = await context.newPage();
      await page.goto(`${origin}/room/${encodeURIComponent(roomId)}`);
      await page.getByRole("feed").getByRole("article").first().waitFor({ timeout: 90_000 });
      return page;
    },
    async close() {
      await browser.close();
      await vite.close();
    },
  };
}
