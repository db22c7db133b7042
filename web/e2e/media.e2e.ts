/** Files in a real browser: pasting, dropping, looking before sending, progress, failures, and seeing them. */
import { mkdirSync } from "node:fs";
import { join, resolve } from "node:path";
import type { Browser, Locator, Page } from "playwright-core";
import { afterAll, beforeAll, expect, it } from "vitest";
import { api, expectAccessiblePage, launch, messageField, openRoom, register, roomOf, say } from "./people";
import type { Account, Window } from "./people";
import { startServer } from "./server";
import type { TestServer } from "./server";

const LOOK = process.env["CHATBOOK_LOOK"];

let server: TestServer;
let browser: Browser;
let ada: Account;
let tom: Account;
let roomId: string;
let desk: Window;
let phone: Window;
let red: Buffer;
let blue: Buffer;

beforeAll(async () => {
  server = await startServer();
  browser = await launch();
  [ada, tom] = await Promise.all([register(server.url, "ada", "Ada Okafor"), register(server.url, "tom", "Tom Brandt")]);
  roomId = await roomOf(server.url, ada, [tom], "Pictures");
  await say(server.url, tom, roomId, "show me");
  desk = await openRoom(browser, server.url, ada, roomId);
  phone = await openRoom(browser, server.url, tom, roomId, { width: 390, height: 844 }, { hasTouch: true, isMobile: true });
  [red, blue] = await Promise.all([draw(desk.page, "#b8452a", "#f6c177"), draw(desk.page, "#274690", "#8fd3c8")]);
});
afterAll(async () => {
  expect([...desk.errors, ...phone.errors]).toEqual([]);
  await browser?.close();
  await server?.remove();
});

async function draw(page: Page, from: string, to: string): Promise<Buffer> {
  const base64 = await page.evaluate(
    ([from = "", to = ""]) => {
      const canvas = document.createElement("canvas");
      canvas.width = 1600;
      canvas.height = 1000;
      const context = canvas.getContext("2d");
      if (!context) throw new Error("no canvas");
      const gradient = context.createLinearGradient(0, 0, 300, 1000);
      gradient.addColorStop(0, from);
      gradient.addColorStop(1, to);
      context.fillStyle = gradient;
      context.fillRect(0, 0, 1600, 1000);
      return canvas.toDataURL("image/png").split(",")[1] ?? "";
    },
    [from, to],
  );
  return Buffer.from(base64, "base64");
}

/** A short film, made by the browser itself. */
async function film(page: Page): Promise<Buffer> {
  const base64 = await page.evaluate(async () => {
    const canvas = document.createElement("canvas");
    canvas.width = 320;
    canvas.height = 480;
    const context = canvas.getContext("2d");
    if (!context) throw new Error("no canvas");
    const recorder = new MediaRecorder(canvas.captureStream(25), { mimeType: "video/webm;codecs=vp8" });
    const parts: Blob[] = [];
    recorder.ondataavailable = (event) => parts.push(event.data);
    const stopped = new Promise((resolve) => (recorder.onstop = resolve));
    recorder.start();
    for (let i = 0; i < 20; i++) {
      context.fillStyle = `hsl(${i * 15} 70% 55%)`;
      context.fillRect(0, 0, 320, 480);
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    recorder.stop();
    await stopped;
    const bytes = new Uint8Array(await new Blob(parts).arrayBuffer());
    let text = "";
    for (const byte of bytes) text += String.fromCharCode(byte);
    return btoa(text);
  });
  return Buffer.from(base64, "base64");
}

/** A second of a tone. */
function tone(): Buffer {
  const rate = 8000;
  const wav = Buffer.alloc(44 + rate);
  wav.write("RIFF", 0);
  wav.writeUInt32LE(36 + rate, 4);
  wav.write("WAVEfmt ", 8);
  wav.writeUInt32LE(16, 16);
  wav.writeUInt16LE(1, 20);
  wav.writeUInt16LE(1, 22);
  wav.writeUInt32LE(rate, 24);
  wav.writeUInt32LE(rate, 28);
  wav.writeUInt16LE(1, 32);
  wav.writeUInt16LE(8, 34);
  wav.write("data", 36);
  wav.writeUInt32LE(rate, 40);
  for (let i = 0; i < rate; i++) wav[44 + i] = 128 + Math.round(60 * Math.sin(i / 3));
  return wav;
}

interface Handed {
  name: string;
  type: string;
  base64: string;
}

/** Hands files to the page as the clipboard or the desktop would. */
async function hand(page: Page, how: "paste" | "dragenter" | "drop" | "dragleave", files: Handed[], extra: Record<string, string> = {}): Promise<void> {
  await page.evaluate(
    ({ how, files, extra }) => {
      const data = new DataTransfer();
      for (const { name, type, base64 } of files) {
        data.items.add(new File([Uint8Array.from(atob(base64), (char) => char.charCodeAt(0))], name, { type }));
      }
      for (const [type, text] of Object.entries(extra)) data.setData(type, text);
      const target = document.activeElement ?? document.body;
      const event = how === "paste" ? new ClipboardEvent("paste", { clipboardData: data, bubbles: true, cancelable: true }) : new DragEvent(how, { dataTransfer: data, bubbles: true, cancelable: true });
      target.dispatchEvent(event);
    },
    { how, files, extra },
  );
}

const handed = (name: string, type: string, bytes: Buffer): Handed => ({ name, type, base64: bytes.toString("base64") });

function sheet(page: Page): Locator {
  return page.getByRole("dialog");
}

async function sendSheet(page: Page, caption?: string): Promise<void> {
  if (caption !== undefined) await sheet(page).getByLabel("Add a caption").fill(caption);
  await sheet(page).getByRole("button", { name: "Send", exact: true }).click();
}

function bubble(page: Page, text: string): Locator {
  return page.getByRole("article", { name: text });
}

async function lastSent(): Promise<Record<string, unknown>> {
  const { chunk } = await api<{ chunk: { type: string; content: Record<string, unknown> }[] }>(server.url, "GET", `/rooms/${encodeURIComponent(roomId)}/messages?dir=b&limit=20`, tom.token);
  return chunk.find((event) => event.type === "m.room.message")?.content ?? {};
}

async function look(page: Page, name: string): Promise<void> {
  if (!LOOK) return;
  mkdirSync(LOOK, { recursive: true });
  await page.screenshot({ path: join(resolve(LOOK), `${name}.png`) });
}

it("pastes a picture: a look at it, a caption, and the words in the field stay", async () => {
  const { page } = desk;
  await messageField(page).fill("still writing");
  await hand(page, "paste", [handed("image.png", "image/png", red)]);
  await sheet(page).getByRole("heading", { name: "Send 1 file" }).waitFor();
  await look(page, "sheet-one");
  await expectAccessiblePage(page, "file sheet");
  // The caption has the focus, Enter sends.
  await page.keyboard.type("First light");
  await page.keyboard.press("Enter");
  await sheet(page).waitFor({ state: "detached" });
  await bubble(page, "First light").getByRole("img", { name: /Sent|Read/ }).waitFor();
  // The field has the focus back, its words and its caret.
  await page.keyboard.type("!");
  expect(await messageField(page).inputValue()).toBe("still writing!");
  await messageField(page).fill("");
  await look(page, "picture-sent");
  expect(await lastSent()).toMatchObject({ msgtype: "m.image", body: "First light", filename: "image.png", info: { w: 1600, h: 1000, mimetype: "image/png" } });

  // What an office program copies is words, although a picture of them comes along.
  await hand(page, "paste", [handed("image.png", "image/png", red)], { "text/plain": "a\tb", "text/rtf": "{}" });
  await page.waitForTimeout(200);
  expect(await sheet(page).count()).toBe(0);
});

it("shows where to drop, takes several files, and lets one be removed", async () => {
  const { page } = desk;
  const files = [handed("one.png", "image/png", red), handed("two.png", "image/png", blue), handed("notes.txt", "text/plain", Buffer.from("seeds"))];
  const target = page.getByText("Drop files to send them to Pictures");
  await hand(page, "dragenter", files);
  await target.waitFor();
  await look(page, "drop-target");
  await hand(page, "dragleave", files);
  await target.waitFor({ state: "detached" });
  await hand(page, "dragenter", files);
  await hand(page, "drop", files);
  await target.waitFor({ state: "detached" });
  await sheet(page).getByRole("heading", { name: "Send 3 files" }).waitFor();
  await look(page, "sheet-three");
  await expectAccessiblePage(page, "file sheet with three");
  await sheet(page).getByRole("button", { name: "Remove one.png" }).click();
  await sheet(page).getByRole("heading", { name: "Send 2 files" }).waitFor();
  await sendSheet(page, "Second light");
  const text = bubble(page, "notes.txt");
  await text.getByRole("img", { name: /Sent|Read/ }).waitFor();
  await bubble(page, "Second light").getByRole("img", { name: /Sent|Read/ }).waitFor();
  const labels = await page.getByRole("article").evaluateAll((rows) => rows.map((row) => row.getAttribute("aria-label") ?? ""));
  expect(labels.findIndex((label) => label.includes("Second light"))).toBeLessThan(labels.findIndex((label) => label.includes("notes.txt")));
  const download = page.waitForEvent("download");
  await text.getByRole("button", { name: "Download notes.txt" }).click();
  expect((await download).suggestedFilename()).toBe("notes.txt");
});

it("shows real progress, can be cancelled, and after a failure tried again", async () => {
  const { page } = desk;
  let held: ((go: "continue" | "abort") => void)[] = [];
  await page.route("**/upload*", async (route) => {
    const go = await new Promise<"continue" | "abort">((resolve) => held.push(resolve));
    await (go === "continue" ? route.continue() : route.abort("connectionreset")).catch(() => undefined);
  });
  const release = (go: "continue" | "abort"): void => {
    held.forEach((let_) => let_(go));
    held = [];
  };
  await page.getByTestId("file-input").setInputFiles({ name: "plan.pdf", mimeType: "application/pdf", buffer: Buffer.alloc(300_000, 7) });
  await sendSheet(page);
  const row = bubble(page, "plan.pdf");
  await row.getByRole("progressbar", { name: "Uploading plan.pdf" }).waitFor();
  await look(page, "upload-file");
  await expectAccessiblePage(page, "upload");
  await row.getByRole("button", { name: "Cancel upload" }).click();
  await row.waitFor({ state: "detached" });
  release("abort");

  await page.getByTestId("file-input").setInputFiles({ name: "again.png", mimeType: "image/png", buffer: blue });
  await sendSheet(page);
  const again = bubble(page, "again.png");
  await again.getByRole("progressbar").waitFor();
  await look(page, "upload-picture");
  const box = again.locator("[data-kind=image]");
  const during = await box.boundingBox();
  await expect.poll(() => held.length).toBeGreaterThan(0);
  release("abort");
  await again.getByRole("alert").getByText("Not sent: no connection.").waitFor();
  await look(page, "upload-failed");
  await expectAccessiblePage(page, "failed upload");
  await page.unroute("**/upload*");
  await again.getByRole("button", { name: "Try again" }).click();
  await again.getByRole("img", { name: /Sent|Read/ }).waitFor();
  expect(Math.round((await box.boundingBox())?.height ?? 0)).toBe(Math.round(during?.height ?? -1));
  expect(await again.count()).toBe(1);
  expect((await lastSent())["filename"]).toBe("again.png");
});

it("refuses a file over the server's limit before it is sent, and says the limit", async () => {
  const { page } = desk;
  // Asked once per session: the page must be told a small limit from its start.
  await page.route("**/media/config", (route) => route.fulfill({ json: { "m.upload.size": 1_000_000 } }));
  await page.reload();
  await bubble(page, "again.png").waitFor();
  await page.getByTestId("file-input").setInputFiles([
    { name: "film.mov", mimeType: "application/octet-stream", buffer: Buffer.alloc(1_000_001) },
    { name: "small.txt", mimeType: "text/plain", buffer: Buffer.from("x") },
  ]);
  await sheet(page).getByRole("alert").getByText("film.mov is too large: this server takes files up to 1 MB.").waitFor();
  expect(await sheet(page).getByRole("button", { name: "Send", exact: true }).isDisabled()).toBe(true);
  await look(page, "sheet-too-large");
  await expectAccessiblePage(page, "too large file");
  await sheet(page).getByRole("button", { name: "Remove film.mov" }).click();
  await sendSheet(page);
  await bubble(page, "small.txt").getByRole("img", { name: /Sent|Read/ }).waitFor();
  await page.unroute("**/media/config");
});

it("shows others a thumbnail in a box of its final size, and the lightbox on a phone", async () => {
  const { page } = phone;
  const received = bubble(page, "First light");
  await received.scrollIntoViewIfNeeded();
  await received.locator("img[data-loaded]").waitFor();
  const thumbnail = await received.locator("img[data-loaded]").evaluate((image) => (image as HTMLImageElement).naturalWidth);
  expect(thumbnail).toBeLessThanOrEqual(1000);
  await look(page, "phone-picture");
  await received.getByRole("button", { name: "Photo: First light" }).tap();
  await page.getByRole("dialog").getByRole("img", { name: "First light" }).waitFor();
  await look(page, "phone-lightbox");
  await expectAccessiblePage(page, "lightbox on a phone");
  // A finger that goes left asks for the next one.
  const touch = await page.context().newCDPSession(page);
  const swipe = async (from: { x: number; y: number }, to: { x: number; y: number }): Promise<void> => {
    await touch.send("Input.dispatchTouchEvent", { type: "touchStart", touchPoints: [from] });
    for (const part of [0.3, 0.6, 1]) {
      const at = { x: from.x + (to.x - from.x) * part, y: from.y + (to.y - from.y) * part };
      await touch.send("Input.dispatchTouchEvent", { type: "touchMove", touchPoints: [at] });
    }
    await touch.send("Input.dispatchTouchEvent", { type: "touchEnd", touchPoints: [] });
  };
  await swipe({ x: 320, y: 420 }, { x: 60, y: 430 });
  await page.getByRole("dialog").getByRole("img", { name: "Second light" }).waitFor();
  await swipe({ x: 200, y: 300 }, { x: 205, y: 560 });
  await page.getByRole("dialog").waitFor({ state: "detached" });
});

it("walks, zooms and closes the lightbox with the keyboard, and gives the focus back", async () => {
  const { page } = desk;
  const opener = bubble(page, "First light").getByRole("button", { name: "Photo: First light" });
  await opener.focus();
  await page.keyboard.press("Enter");
  const viewer = page.getByRole("dialog", { name: "image.png from Ada Okafor" });
  const picture = viewer.getByRole("img", { name: "First light" });
  await picture.waitFor();
  await look(page, "lightbox");
  await expectAccessiblePage(page, "lightbox");
  const width = async (): Promise<number> => Math.round((await picture.boundingBox())?.width ?? 0);
  const fitted = await width();
  await page.keyboard.press("+");
  await expect.poll(width).toBeGreaterThan(fitted * 1.4);
  await look(page, "lightbox-zoomed");
  await page.keyboard.press("0");
  await expect.poll(width).toBe(fitted);
  // The focus stays inside, however often Tab is pressed.
  for (let i = 0; i < 8; i++) {
    await page.keyboard.press("Tab");
    expect(await page.evaluate(() => document.activeElement?.closest("[role=dialog]") !== null)).toBe(true);
  }
  await page.keyboard.press("ArrowRight");
  await page.getByRole("dialog").getByRole("img", { name: "Second light" }).waitFor();
  await page.keyboard.press("ArrowLeft");
  await picture.waitFor();
  const download = page.waitForEvent("download");
  await viewer.getByRole("button", { name: "Download" }).click();
  expect((await download).suggestedFilename()).toBe("image.png");
  await page.keyboard.press("Escape");
  await viewer.waitFor({ state: "detached" });
  expect(await opener.evaluate((element) => element === document.activeElement)).toBe(true);
});

it("sends a film with its poster, its size known before it loads, and plays it", async () => {
  const { page } = desk;
  await page.getByTestId("file-input").setInputFiles({ name: "bees.webm", mimeType: "video/webm", buffer: await film(page) });
  await look(page, "sheet-video");
  await sendSheet(page, "The bees");
  await bubble(page, "The bees").getByRole("img", { name: /Sent|Read/ }).waitFor({ timeout: 40_000 });
  await look(page, "video-sent");
  const content = await lastSent();
  expect(content).toMatchObject({ msgtype: "m.video", info: { w: 320, h: 480, thumbnail_info: { w: expect.any(Number) } } });
  expect((content["info"] as { duration?: number }).duration).toBeGreaterThan(300);

  const received = bubble(phone.page, "The bees");
  await received.scrollIntoViewIfNeeded();
  const before = await received.boundingBox();
  await received.locator("img[data-loaded]").waitFor();
  expect((await received.boundingBox())?.height).toBe(before?.height);
  await look(phone.page, "phone-video");
  await received.getByRole("button", { name: "Open The bees" }).tap();
  const video = phone.page.getByRole("dialog").locator("video");
  await expect.poll(() => video.evaluate((element) => (element as HTMLVideoElement).readyState)).toBeGreaterThanOrEqual(2);
  await look(phone.page, "phone-video-open");
  await phone.page.getByRole("dialog").getByRole("button", { name: "Close" }).tap();
});

it("fetches a recording only when it is to be heard", async () => {
  const { page } = desk;
  await page.getByTestId("file-input").setInputFiles({ name: "birds.wav", mimeType: "audio/wav", buffer: tone() });
  await sendSheet(page);
  await bubble(page, "birds.wav").getByRole("img", { name: /Sent|Read/ }).waitFor();
  const content = await lastSent();
  expect(content).toMatchObject({ msgtype: "m.audio", info: { duration: 1000 } });
  const fetched: string[] = [];
  const id = String(content["url"]).split("/").at(-1) ?? "";
  phone.page.on("request", (request) => request.url().includes(id) && fetched.push(request.url()));
  const received = bubble(phone.page, "birds.wav");
  await received.scrollIntoViewIfNeeded();
  await received.getByText("0:01 · 8 kB").waitFor();
  await look(phone.page, "phone-audio");
  await expectAccessiblePage(phone.page, "audio");
  expect(fetched).toEqual([]);
  await received.getByRole("button", { name: "Play birds.wav" }).tap();
  const audio = received.locator("audio");
  await expect.poll(() => audio.evaluate((element) => (element as HTMLAudioElement).readyState)).toBeGreaterThanOrEqual(2);
  expect(fetched).toHaveLength(1);
  expect((await audio.boundingBox())?.width).toBeGreaterThan(200);
  await look(phone.page, "phone-audio-playing");
});
