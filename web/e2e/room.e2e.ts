/** A room's content in a real browser: place keeping, pictures, failures. */
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { api, launch, messageField, openRoom, register, roomOf, say, write } from "./people";
import type { Account } from "./people";
import { startServer } from "./server";
import type { TestServer } from "./server";

const MESSAGES = 2000;

describe("a room in the browser", () => {
  let server: TestServer;
  let browser: Browser;
  let ada: Account;
  let tom: Account;

  beforeAll(async () => {
    server = await startServer();
    browser = await launch();
    [ada, tom] = await Promise.all([register(server.url, "ada", "Ada"), register(server.url, "tom", "Tom")]);
  });
  afterAll(async () => {
    await browser?.close();
    await server?.remove();
  });

  it("keeps what is being read in its place while two thousand messages load above it", async () => {
    const roomId = await roomOf(server.url, ada, [tom], "Long story");
    for (let i = 0; i < MESSAGES; i += 25) {
      const batch = Array.from({ length: 25 }, (_, k) => say(server.url, (i + k) % 7 < 4 ? ada : tom, roomId, `message ${i + k} ${"words and more ".repeat((i * 7 + k * 3) % 23)}`));
      await Promise.all(batch);
    }
    const { page, errors } = await openRoom(browser, server.url, ada, roomId);
    const walk = await scrollBack(page, 240_000);
    expect(walk.reachedBeginning).toBe(true);
    expect(walk.seen).toBe(MESSAGES);
    expect(walk.worstPx).toBeLessThanOrEqual(1);
    expect(walk.mostRows).toBeLessThan(150);
    expect(errors).toEqual([]);
    await page.context().close();
  }, 400_000);

  it("sends a picture with real progress and the same geometry from the first frame to the last", async () => {
    const roomId = await roomOf(server.url, ada, [tom], "Pictures");
    await say(server.url, tom, roomId, "show me");
    const { page, errors } = await openRoom(browser, server.url, ada, roomId);
    let release = (): void => undefined;
    const held = new Promise<void>((resolve) => (release = resolve));
    await page.route("**/upload*", async (route) => {
      await held;
      await route.continue();
    });
    const picture = await drawPicture(page);
    await page.getByTestId("file-input").setInputFiles({ name: "greenhouse.png", mimeType: "image/png", buffer: picture });
    const sheet = page.getByRole("dialog");
    await sheet.getByLabel("Add a caption").fill("First light");
    await sheet.getByRole("button", { name: "Send", exact: true }).click();
    const bubble = page.getByRole("article").filter({ hasText: "First light" });
    await bubble.getByRole("progressbar").waitFor();
    const during = await bubble.boundingBox();
    release();
    await bubble.getByRole("img", { name: /Sent|Read/ }).waitFor({ timeout: 30_000 });
    const after = await bubble.boundingBox();
    expect(await bubble.count()).toBe(1);
    expect(Math.round(after?.height ?? 0)).toBe(Math.round(during?.height ?? -1));
    await bubble.getByRole("button", { name: /Photo: First light/ }).click();
    await page.getByRole("dialog").getByRole("img", { name: "First light" }).waitFor();
    await page.keyboard.press("Escape");

    const { page: others } = await openRoom(browser, server.url, tom, roomId, { width: 390, height: 800 });
    const received = others.getByRole("article").filter({ hasText: "First light" });
    await received.locator("img[data-loaded]").waitFor({ timeout: 30_000 });
    expect(errors).toEqual([]);
    await page.context().close();
    await others.context().close();
  });

  it("keeps a message that could not be sent, and a retry sends it once", async () => {
    const roomId = await roomOf(server.url, ada, [tom], "Failures");
    await say(server.url, tom, roomId, "are you there?");
    const { page, errors } = await openRoom(browser, server.url, ada, roomId);
    let refuse = true;
    await page.route("**/send/m.room.message/**", (route) => {
      if (!refuse) return route.continue();
      return route.fulfill({ status: 403, contentType: "application/json", body: JSON.stringify({ errcode: "M_FORBIDDEN", error: "no" }) });
    });
    // Sends go over the WebSocket where there is one; here they must take the route above.
    await page.routeWebSocket("**/org.chatbook.stream", (socket) => socket.close());
    await page.reload();
    await page.locator("[data-type=message]").first().waitFor();
    await messageField(page).fill("I am here");
    await page.keyboard.press("Enter");
    const mine = page.getByRole("article").filter({ hasText: "I am here" });
    await mine.getByRole("alert").waitFor({ timeout: 30_000 });
    refuse = false;
    await mine.getByRole("button", { name: "Try again" }).click();
    await mine.getByRole("img", { name: /Sent|Read/ }).waitFor({ timeout: 30_000 });
    expect(await mine.count()).toBe(1);
    const { chunk } = await api<{ chunk: { content: { body?: string } }[] }>(server.url, "GET", `/rooms/${encodeURIComponent(roomId)}/messages?dir=b&limit=50`, tom.token);
    expect(chunk.filter((event) => event.content.body === "I am here")).toHaveLength(1);
    expect(errors).toEqual([]);
    await page.context().close();
  });

  it("syncs and sends over the WebSocket alone where there is one", async () => {
    const roomId = await roomOf(server.url, ada, [tom], "Stream");
    await say(server.url, tom, roomId, "hello");
    const { page, errors } = await openRoom(browser, server.url, ada, roomId);
    const requests: string[] = [];
    page.on("request", (request) => requests.push(request.url()));
    const sent: string[] = [];
    const received: string[] = [];
    page.on("websocket", (socket) => {
      socket.on("framesent", ({ payload }) => sent.push(String(payload)));
      socket.on("framereceived", ({ payload }) => received.push(String(payload)));
    });
    await page.reload();
    await page.getByRole("article", { name: "hello" }).waitFor();
    await expect.poll(() => received.some((frame) => frame.includes("next_batch")), { timeout: 30_000 }).toBe(true);
    await write(page, "over the stream");
    await page.getByRole("article", { name: "over the stream" }).getByRole("img", { name: /Sent|Read/ }).waitFor();
    await say(server.url, tom, roomId, "heard");
    await page.getByRole("article", { name: "heard" }).waitFor();
    expect(sent.some((frame) => /"method":"send"/.test(frame) && frame.includes("over the stream"))).toBe(true);
    // Only the initial sync, which has no `since`, is asked for over HTTP.
    expect(requests.filter((url) => /\/sync\?.*since=|\/send\//.test(url))).toEqual([]);
    expect(errors).toEqual([]);
    await page.context().close();
  });

  it("syncs and sends by long polling where the WebSocket does not connect", async () => {
    const roomId = await roomOf(server.url, ada, [tom], "No stream");
    await say(server.url, tom, roomId, "hello");
    const { page } = await openRoom(browser, server.url, ada, roomId);
    await page.routeWebSocket("**/org.chatbook.stream", (socket) => socket.close());
    const requests: string[] = [];
    page.on("request", (request) => requests.push(new URL(request.url()).pathname));
    await page.reload();
    await page.getByRole("article", { name: "hello" }).waitFor();
    await write(page, "without a stream");
    await page.getByRole("article", { name: "without a stream" }).getByRole("img", { name: /Sent|Read/ }).waitFor();
    await say(server.url, tom, roomId, "heard");
    await page.getByRole("article", { name: "heard" }).waitFor();
    expect(requests.some((path) => path.endsWith("/sync"))).toBe(true);
    expect(requests.some((path) => path.includes("/send/m.room.message/"))).toBe(true);
    await page.context().close();
  });
});

interface Walk {
  worstPx: number;
  seen: number;
  mostRows: number;
  reachedBeginning: boolean;
}

/** Scrolls up step by step; in every frame the message being watched must stand where the step put it. */
function scrollBack(page: Page, budgetMs: number): Promise<Walk> {
  return page.evaluate(async (budget) => {
    const scroller = document.querySelector("[data-testid=timeline-scroller]");
    if (!scroller) throw new Error("no timeline");
    const frame = () => new Promise((resolve) => requestAnimationFrame(resolve));
    const numbers = new Set<string>();
    const out = { worstPx: 0, seen: 0, mostRows: 0, reachedBeginning: false };
    const begin = performance.now();
    while (performance.now() - begin < budget) {
      const rows = [...scroller.querySelectorAll<HTMLElement>("[data-type=message]")];
      for (const row of rows) {
        const number = /message (\d+) /.exec(row.textContent ?? "")?.[1];
        if (number !== undefined) numbers.add(number);
      }
      out.mostRows = Math.max(out.mostRows, rows.length);
      const watched = rows.find((row) => row.getBoundingClientRect().top > 250);
      // The lower edge: a row loses the name above its bubble when older messages of the same person load above it.
      const before = watched?.getBoundingClientRect().bottom ?? 0;
      const from = scroller.scrollTop;
      scroller.scrollTop = from - 700;
      const moved = from - scroller.scrollTop;
      for (let i = 0; i < 2; i++) {
        await frame();
        if (watched?.isConnected) out.worstPx = Math.max(out.worstPx, Math.abs(watched.getBoundingClientRect().bottom - before - moved));
      }
      if (moved === 0 && scroller.querySelector("[data-type=beginning]")) {
        out.reachedBeginning = true;
        break;
      }
    }
    out.seen = numbers.size;
    return out;
  }, budgetMs);
}

async function drawPicture(page: Page): Promise<Buffer> {
  const base64 = await page.evaluate(() => {
    const canvas = document.createElement("canvas");
    canvas.width = 1600;
    canvas.height = 1000;
    const context = canvas.getContext("2d");
    if (!context) throw new Error("no canvas");
    const gradient = context.createLinearGradient(0, 0, 300, 1000);
    gradient.addColorStop(0, "#f6c177");
    gradient.addColorStop(1, "#2a273f");
    context.fillStyle = gradient;
    context.fillRect(0, 0, 1600, 1000);
    return canvas.toDataURL("image/png").split(",")[1] ?? "";
  });
  return Buffer.from(base64, "base64");
}
