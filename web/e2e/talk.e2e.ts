import { mkdirSync } from "node:fs";
import { join, resolve } from "node:path";
import type { MatrixClient } from "matrix-js-sdk";
import type { Browser } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { expectAccessiblePage, launch, messageField, openWindow, register, signIn, write } from "./people";
import type { Account, Window } from "./people";
import { bodiesOf, startSdk, until } from "./sdk";
import { startServer } from "./server";
import type { TestServer } from "./server";

// `npm run pictures` puts what the test ends with into the documentation.
const IMAGES = process.env["UPDATE_SCREENSHOTS"]
  ? resolve(import.meta.dirname, "../../docs/images")
  : resolve(import.meta.dirname, "../test-results");

let server: TestServer;
let browser: Browser;
let desk: Window;
let phone: Window;
let sdk: MatrixClient;
let lena: Account;
let noor: Account;
let jun: Account;

beforeAll(async () => {
  mkdirSync(IMAGES, { recursive: true });
  server = await startServer();
  [lena, noor, jun] = await Promise.all([
    register(server.url, "lena", "Lena Maier"),
    register(server.url, "noor", "Noor Rahman"),
    register(server.url, "jun", "Jun Park"),
  ]);
  browser = await launch();
  desk = await openWindow(browser, { viewport: { width: 1280, height: 800 }, colorScheme: "light" });
  phone = await openWindow(browser, { viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true, colorScheme: "light" });
  sdk = await startSdk(server.url, jun);
  await Promise.all([signIn(desk.page, server.url, lena), signIn(phone.page, server.url, noor)]);
});

afterAll(async () => {
  sdk?.stopClient();
  await browser?.close();
  await server?.remove();
});

test("a room is made, two people are invited, and both come", async () => {
  const { page } = desk;
  await page.getByRole("button", { name: "New", exact: true }).click();
  await page.getByRole("menuitem", { name: "New room" }).click();
  await page.getByLabel("Name", { exact: true }).fill("Garden collective");
  await page.getByLabel("What is it about?").fill("Plots, seeds and Saturdays behind the old mill");
  await page.getByRole("button", { name: "Create room" }).click();
  await page.getByRole("heading", { level: 1, name: "Garden collective" }).waitFor();

  await page.getByRole("button", { name: "Details" }).click();
  for (const person of [noor, jun]) {
    await page.getByRole("button", { name: "Invite", exact: true }).click();
    await page.getByRole("textbox", { name: "Search people" }).fill(person.userId);
    await page.getByRole("button", { name: new RegExp(person.displayName) }).click();
    await page.getByText(`${person.displayName} was invited.`).waitFor();
    await page.keyboard.press("Escape");
    await page.getByRole("dialog").waitFor({ state: "detached" });
  }

  await phone.page.getByText("Lena Maier invites you").waitFor();
  await phone.page.getByRole("button", { name: "Accept: Garden collective" }).click();
  await phone.page.getByRole("heading", { level: 1, name: "Garden collective" }).waitFor();
  const invited = await until("the invitation of the SDK", () => sdk.getRooms().find((room) => room.getMyMembership() === "invite"));
  await sdk.joinRoom(invited.roomId);
  await page.getByText("3 members").first().waitFor();
});

test("each sees the messages of the others, once and in one order", async () => {
  const room = await until("the room", () => sdk.getRooms().find((known) => known.getMyMembership() === "join"));
  const said = [
    "First light over the greenhouse. The tomatoes made it through the frost!",
    "That is the best news of the week. Shall we plan the spring beds on Saturday?",
    "Saturday works. The watering controller runs now.",
    "Ten o'clock at the gate?",
    "Perfect, ten it is 👌",
  ] as const;
  const everywhere = async (text: string): Promise<void> => {
    await Promise.all([desk.page, phone.page].map((page) => page.getByRole("article", { name: text }).first().waitFor()));
    await until(text, () => bodiesOf(room).includes(text));
  };
  await write(phone.page, said[0]);
  await everywhere(said[0]);
  await write(desk.page, said[1]);
  await everywhere(said[1]);
  await sdk.sendTextMessage(room.roomId, said[2]);
  await everywhere(said[2]);
  await sdk.sendTextMessage(room.roomId, said[3]);
  await everywhere(said[3]);
  await write(desk.page, said[4]);
  await everywhere(said[4]);

  expect(bodiesOf(room)).toEqual(said);
  for (const { page } of [desk, phone]) {
    const shown = await page.getByRole("article").evaluateAll((rows) => rows.map((row) => row.getAttribute("aria-label") ?? ""));
    const order = shown.map((label) => said.findIndex((text) => label.includes(text))).filter((at) => at >= 0);
    expect(order).toEqual([0, 1, 2, 3, 4]);
  }
});

test("each sees the others typing", async () => {
  const room = await until("the room", () => sdk.getRooms().find((known) => known.getMyMembership() === "join"));
  const typingOnSdk = (who: Account): boolean => Boolean(room.getMember(who.userId)?.typing);

  await messageField(desk.page).pressSequentially("I can bring");
  await phone.page.getByText("Lena Maier is typing").first().waitFor();
  await until("Lena typing on the SDK", () => typingOnSdk(lena));
  await messageField(desk.page).fill("");
  await until("Lena stopping on the SDK", () => !typingOnSdk(lena));

  await messageField(phone.page).pressSequentially("Me too");
  await desk.page.getByText("Noor Rahman is typing").first().waitFor();
  await until("Noor typing on the SDK", () => typingOnSdk(noor));
  await messageField(phone.page).fill("");

  await sdk.sendTyping(room.roomId, true, 30_000);
  await Promise.all([desk.page, phone.page].map((page) => page.getByText("Jun Park is typing").first().waitFor()));
});

test("each sees what the others have read", async () => {
  const room = await until("the room", () => sdk.getRooms().find((known) => known.getMyMembership() === "join"));
  const last = room.getLiveTimeline().getEvents().at(-1);
  if (!last) throw new Error("the room is empty");
  await sdk.sendReadReceipt(last);
  await desk.page.getByRole("img", { name: /Seen by .*Noor Rahman/ }).waitFor();
  await desk.page.getByRole("img", { name: /Seen by .*Jun Park/ }).waitFor();
  await phone.page.getByRole("img", { name: /Seen by .*Jun Park/ }).waitFor();
  const id = last.getId() ?? "";
  await until("Noor's receipt on the SDK", () => room.hasUserReadEvent(noor.userId, id));
});

test("each sees who is online", async () => {
  const members = desk.page.getByRole("region", { name: "Members" });
  await members.getByText("Online · 3").waitFor();
  for (const name of ["Lena Maier", "Noor Rahman", "Jun Park"]) await members.getByRole("button", { name: new RegExp(`Online.*${name}`) }).waitFor();
  await phone.page.getByText("3 members · 3 online").waitFor();
  for (const person of [lena, noor]) {
    await until(`${person.displayName} online on the SDK`, () => sdk.getUser(person.userId)?.presence === "online");
  }
});

test("both screens are accessible in light and dark, and break no rule of the policy", async () => {
  const shots = [
    ["light", desk, "talk-desk.png"],
    ["light", phone, "talk-phone.png"],
    ["dark", desk, null],
    ["dark", phone, null],
  ] as const;
  for (const [colorScheme, window, name] of shots) {
    await window.page.emulateMedia({ colorScheme, reducedMotion: "reduce" });
    await window.page.mouse.move(0, 0);
    await window.page.waitForTimeout(300);
    if (name) await window.page.screenshot({ path: join(IMAGES, name) });
    await expectAccessiblePage(window.page, `${colorScheme} ${window === desk ? "desk" : "phone"}`);
  }
  expect([...desk.errors, ...phone.errors]).toEqual([]);
});
