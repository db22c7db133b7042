/** Rooms from the outside: making, finding, joining, changing and leaving them, and the list they stand in. */
import type { Browser, Locator, Page } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { drawLeaf } from "./draw";
import { expectAccessiblePage, launch, messageField, openWindow, register, roomOf, say, signIn, write } from "./people";
import type { Account, Window } from "./people";
import { startServer } from "./server";
import type { TestServer } from "./server";

let server: TestServer;
let browser: Browser;
let lena: Account;
let noor: Account;
let tom: Account;
let desk: Window;
let other: Window;

beforeAll(async () => {
  server = await startServer();
  browser = await launch();
  [lena, noor, tom] = await Promise.all([register(server.url, "lena", "Lena Maier"), register(server.url, "noor", "Noor Rahman"), register(server.url, "tom", "Tom Brandt")]);
  desk = await openWindow(browser, { viewport: { width: 1280, height: 800 } });
  other = await openWindow(browser, { viewport: { width: 1280, height: 800 }, colorScheme: "dark" });
  await Promise.all([signIn(desk.page, server.url, lena), signIn(other.page, server.url, noor)]);
});

afterAll(async () => {
  await browser?.close();
  await server?.remove();
});

const row = (page: Page, name: string | RegExp): Locator => page.getByRole("navigation", { name: "Chats" }).getByRole("link", { name });
const title = (page: Page, name: string): Locator => page.getByRole("heading", { level: 1, name });

async function newRoom(page: Page): Promise<Locator> {
  await page.getByRole("button", { name: "New", exact: true }).click();
  await page.getByRole("menuitem", { name: "New room" }).click();
  return page.getByRole("dialog", { name: "New room" });
}

async function invite(page: Page, who: Account): Promise<void> {
  await page.getByRole("button", { name: "Invite", exact: true }).click();
  await page.getByRole("textbox", { name: "Search people" }).fill(who.userId);
  await page.getByRole("dialog").getByRole("button", { name: new RegExp(who.displayName) }).click();
  await page.getByText(`${who.displayName} was invited.`).last().waitFor();
  await page.keyboard.press("Escape");
  await page.getByRole("dialog").waitFor({ state: "detached" });
}

async function person(page: Page, name: string): Promise<void> {
  await page.getByRole("region", { name: "Members" }).getByRole("button", { name: new RegExp(name) }).click();
  await page.getByRole("heading", { level: 2, name }).waitFor();
}

test("a first visit says what this is, and offers one thing to do", async () => {
  await desk.page.getByText("Nothing here yet").waitFor();
  await expectAccessiblePage(desk.page, "no rooms");
  await desk.page.getByRole("navigation", { name: "Chats" }).getByRole("button", { name: "New chat" }).click();
  await desk.page.getByRole("dialog", { name: "New chat" }).waitFor();
  await desk.page.keyboard.press("Escape");
});

test("a private room is made; an invitation to it is declined, the next one accepted", async () => {
  const { page } = desk;
  const dialog = await newRoom(page);
  await dialog.getByRole("button", { name: "Create room" }).click();
  await dialog.getByText("Give the room a name.").waitFor();
  await expectAccessiblePage(page, "new room with an error");
  await dialog.getByLabel("Name", { exact: true }).fill("Greenhouse");
  await dialog.getByRole("button", { name: "Create room" }).click();
  await title(page, "Greenhouse").waitFor();
  await page.getByRole("button", { name: "Details" }).click();
  await invite(page, noor);

  await other.page.getByText("Lena Maier invites you").waitFor();
  await expectAccessiblePage(other.page, "an invitation in the list");
  await other.page.getByRole("button", { name: "Decline: Greenhouse" }).click();
  await other.page.getByText("Lena Maier invites you").waitFor({ state: "detached" });
  await page.getByText("Invited · 1").waitFor({ state: "detached" });

  await invite(page, noor);
  await other.page.getByRole("button", { name: "Accept: Greenhouse" }).click();
  await title(other.page, "Greenhouse").waitFor();
  await page.getByText("2 members").first().waitFor();
  await say(server.url, lena, decodeURIComponent(new URL(page.url()).pathname.split("/")[2] ?? ""), "Welcome");
  await other.page.getByRole("article", { name: /Welcome/ }).waitFor();
});

test("a public room is found by searching, and joined; its address cannot be taken twice", async () => {
  let dialog = await newRoom(desk.page);
  await dialog.getByLabel("Name", { exact: true }).fill("Seed swap");
  await dialog.getByRole("radio", { name: "Anyone on this server" }).check();
  expect(await dialog.getByLabel("Address").inputValue()).toBe("seed-swap");
  await dialog.getByRole("button", { name: "Create room" }).click();
  await title(desk.page, "Seed swap").waitFor();

  dialog = await newRoom(desk.page);
  await dialog.getByLabel("Name", { exact: true }).fill("Seed Swap!");
  await dialog.getByRole("radio", { name: "Anyone on this server" }).check();
  await dialog.getByRole("button", { name: "Create room" }).click();
  await dialog.getByText("This address is taken by another room.").waitFor();
  await desk.page.keyboard.press("Escape");

  await other.page.getByRole("button", { name: "Explore rooms" }).click();
  const explore = other.page.getByRole("dialog", { name: "Explore rooms" });
  const field = explore.getByRole("textbox", { name: "Search rooms or type an address" });
  await field.fill("nothing like it");
  await explore.getByText("No public room fits “nothing like it”.").waitFor();
  await expectAccessiblePage(other.page, "no public room found");
  await field.fill("seed");
  await explore.getByRole("button", { name: "Join: Seed swap" }).click();
  await title(other.page, "Seed swap").waitFor();
  await messageField(other.page).waitFor();
  await desk.page.getByText("2 members").first().waitFor();
});

test("what a room is called, what it is about and its picture change for everybody", async () => {
  const { page } = desk;
  await row(page, /Seed swap/).click();
  if (!(await page.getByRole("complementary", { name: "Details" }).isVisible())) await page.getByRole("button", { name: "Details" }).click();
  await page.getByRole("button", { name: "Edit", exact: true }).click();
  const dialog = page.getByRole("dialog", { name: "Edit room" });
  await expectAccessiblePage(page, "edit room");
  await dialog.getByLabel("Name", { exact: true }).fill("");
  await dialog.getByRole("button", { name: "Save" }).click();
  await dialog.getByText("Give the room a name.").waitFor();
  await dialog.getByLabel("Name", { exact: true }).fill("Seeds and cuttings");
  await dialog.getByLabel("What is it about?").fill("Bring what you have");
  await dialog.locator("input[type=file]").setInputFiles({ name: "leaf.png", mimeType: "image/png", buffer: await drawLeaf(page) });
  await dialog.locator("img").waitFor();
  await dialog.getByRole("button", { name: "Save" }).click();
  await dialog.waitFor({ state: "detached" });

  await title(other.page, "Seeds and cuttings").waitFor();
  await row(other.page, /Seeds and cuttings/).locator("img").first().waitFor();
  await other.page.getByRole("button", { name: "Details" }).click();
  await other.page.getByText("Bring what you have").first().waitFor();
  // Who may not change it is not offered it.
  expect(await other.page.getByRole("button", { name: "Edit", exact: true }).isDisabled()).toBe(true);
  await expectAccessiblePage(other.page, "details");
});

test("an owner makes somebody a moderator, removes them, bans them and lets them in again", async () => {
  const { page } = desk;
  const members = page.getByRole("region", { name: "Members" });
  await members.getByRole("button", { name: /Lena Maier.*Owner/ }).waitFor();
  await person(page, "Noor Rahman");
  await expectAccessiblePage(page, "a person's details");
  await page.getByRole("radio", { name: "Moderator" }).check();
  await other.page.getByRole("region", { name: "Members" }).getByRole("button", { name: /Noor Rahman.*Moderator/ }).waitFor();

  await page.getByRole("button", { name: "Remove from room" }).click();
  await page.getByRole("dialog", { name: "Remove Noor Rahman?" }).getByRole("button", { name: "Cancel" }).click();
  await messageField(other.page).waitFor();
  await page.getByRole("button", { name: "Remove from room" }).click();
  await page.getByRole("dialog", { name: "Remove Noor Rahman?" }).getByRole("button", { name: "Remove" }).click();
  await other.page.getByText("You are not in this room").waitFor();
  await row(other.page, /Seeds and cuttings/).waitFor({ state: "detached" });
  await other.page.getByRole("button", { name: "Join room" }).click();
  await messageField(other.page).waitFor();

  await page.getByRole("button", { name: "Ban from room" }).click();
  await page.getByRole("dialog", { name: "Ban Noor Rahman?" }).getByRole("button", { name: "Ban" }).click();
  await other.page.getByText("You are not in this room").waitFor();
  await other.page.getByRole("button", { name: "Join room" }).click();
  await other.page.getByRole("alert").getByText("You are not allowed to do this.").waitFor();
  await expectAccessiblePage(other.page, "a room that refuses");

  await page.getByRole("button", { name: "Back to the room’s details" }).click();
  await page.getByText("Banned · 1").waitFor();
  await person(page, "Noor Rahman");
  await page.getByRole("button", { name: "Lift the ban" }).click();
  await page.getByRole("button", { name: "Lift the ban" }).waitFor({ state: "detached" });
  await other.page.getByRole("button", { name: "Join room" }).click();
  await messageField(other.page).waitFor();
});

test("a direct chat begins with a person in a room, and is the same one the next time", async () => {
  const { page } = desk;
  await page.getByRole("button", { name: "Message", exact: true }).click();
  await title(page, "Noor Rahman").waitFor();
  const first = page.url();
  await write(page, "Just between us");
  await other.page.getByRole("button", { name: "Accept: Lena Maier" }).click();
  await other.page.getByRole("article", { name: /Just between us/ }).waitFor();
  // Both sides take it for a chat with a person.
  for (const [window, name] of [[page, "Noor Rahman"], [other.page, "Lena Maier"]] as const) {
    await window.getByRole("button", { name: "People", exact: true }).click();
    await row(window, new RegExp(name)).waitFor();
    expect(await window.getByRole("navigation", { name: "Chats" }).getByRole("link").count()).toBe(1);
    await window.getByRole("button", { name: "All", exact: true }).click();
  }
  await page.getByRole("button", { name: "New", exact: true }).click();
  await page.getByRole("menuitem", { name: "New chat" }).click();
  await page.getByRole("textbox", { name: "Search people" }).fill("noor");
  await page.getByRole("dialog").getByRole("button", { name: /Noor Rahman/ }).click();
  await page.getByRole("dialog").waitFor({ state: "detached" });
  expect(page.url()).toBe(first);
});

test("the list counts what is unread, filters, finds, mutes, pins, and is walked with the arrow keys", async () => {
  const { page } = desk;
  const roomId = await roomOf(server.url, tom, [lena], "Neighbourhood");
  for (const text of ["One", "Two", "Three"]) await say(server.url, tom, roomId, text);
  await row(page, /Neighbourhood.*3 unread messages/).waitFor();
  await page.getByRole("button", { name: "Unread 1" }).click();
  expect(await page.getByRole("navigation", { name: "Chats" }).getByRole("link").count()).toBe(1);
  await row(page, /Neighbourhood/).click();
  await page.getByText("You are up to date.").waitFor();
  await page.getByRole("button", { name: "All", exact: true }).click();
  await say(server.url, tom, roomId, "Lena?", { "m.mentions": { user_ids: [lena.userId] } });
  await row(page, /Greenhouse/).click();
  await say(server.url, tom, roomId, "Lena Maier!", { "m.mentions": { user_ids: [lena.userId] } });
  await row(page, /Neighbourhood.*1 mention/).waitFor();

  await row(page, /Neighbourhood/).click({ button: "right" });
  await page.getByRole("menuitem", { name: "Mute" }).click();
  await row(page, /Neighbourhood/).click({ button: "right" });
  await page.getByRole("menuitem", { name: "Unmute" }).waitFor();
  await expectAccessiblePage(page, "the menu of a chat", ["region"]);
  await page.getByRole("menuitem", { name: "Mark as read" }).click();
  await row(page, /Neighbourhood.*Muted/).waitFor();
  await row(page, /Neighbourhood/).click({ button: "right" });
  await page.getByRole("menuitem", { name: "Unmute" }).click();
  await row(page, /Neighbourhood/).click({ button: "right" });
  await page.getByRole("menuitem", { name: "Pin", exact: true }).click();
  await page.getByRole("region", { name: "Pinned" }).getByRole("link", { name: /Neighbourhood/ }).waitFor();

  // A menu that closes gives the focus back last of all.
  await page.getByRole("menu").waitFor({ state: "detached" });
  await page.keyboard.press("Control+k");
  await page.keyboard.type("zzz");
  await page.getByText("No chat found").waitFor();
  await expectAccessiblePage(page, "no chat found");
  await page.keyboard.press("Escape");
  await page.keyboard.press("ArrowDown");
  const focused = (): Promise<string> => page.evaluate(() => document.activeElement?.querySelector("b")?.textContent ?? "");
  expect(await focused()).toBe("Neighbourhood");
  await page.keyboard.press("ArrowDown");
  const second = await focused();
  expect(second).not.toBe("Neighbourhood");
  await page.keyboard.press("Enter");
  await title(page, second).waitFor();
  await row(page, new RegExp(second)).focus();
  await page.keyboard.press("Home");
  expect(await focused()).toBe("Neighbourhood");
});

test("leaving asks first; a private room is then closed until the next invitation", async () => {
  const { page } = other;
  await row(page, /Greenhouse/).click();
  await title(page, "Greenhouse").waitFor();
  const address = page.url();
  await page.getByRole("button", { name: "Details" }).click();
  await page.getByRole("button", { name: "Leave room" }).click();
  const ask = page.getByRole("dialog", { name: "Leave “Greenhouse”?" });
  await ask.getByText("you need a new invitation").waitFor();
  await ask.getByRole("button", { name: "Cancel" }).click();
  await messageField(page).waitFor();
  await page.getByRole("button", { name: "Leave room" }).click();
  await ask.getByRole("button", { name: "Leave" }).click();
  await row(page, /Greenhouse/).waitFor({ state: "detached" });
  await page.getByText("Pick a chat to read it here").waitFor();
  await page.goto(address);
  await page.getByRole("button", { name: "Join room" }).click();
  await page.getByRole("alert").waitFor();
  await row(desk.page, /Greenhouse/).click();
  await desk.page.getByText("1 member").first().waitFor();
});

test("on a phone the list, a room and its details are a page each, with the way back", async () => {
  const phone = await openWindow(browser, { viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true });
  const { page } = phone;
  await signIn(page, server.url, lena);
  const list = page.getByRole("navigation", { name: "Chats" });
  await row(page, /Seeds and cuttings/).tap();
  await title(page, "Seeds and cuttings").waitFor();
  expect(await list.isVisible()).toBe(false);
  await page.getByRole("button", { name: "Details" }).tap();
  await person(page, "Noor Rahman");
  await page.goBack();
  await page.getByRole("region", { name: "Members" }).waitFor();
  await page.goBack();
  await page.getByRole("complementary", { name: "Details" }).waitFor({ state: "detached" });
  await messageField(page).waitFor();
  await page.goBack();
  await list.waitFor();
  expect(await title(page, "Seeds and cuttings").isVisible()).toBe(false);
  await page.goForward();
  await title(page, "Seeds and cuttings").waitFor();
  await page.getByRole("button", { name: "Details" }).tap();
  await page.getByRole("button", { name: "Close details" }).tap();
  await page.getByRole("button", { name: "Back to your chats" }).tap();
  await list.waitFor();
  expect(await smallTargets(page)).toEqual([]);
  await row(page, /Neighbourhood/).tap();
  await messageField(page).waitFor();
  expect(await smallTargets(page)).toEqual([]);
  await page.getByRole("button", { name: "Details" }).tap();
  await page.getByRole("region", { name: "Members" }).getByText("Tom Brandt").waitFor();
  expect(await smallTargets(page)).toEqual([]);
  expect(phone.errors).toEqual([]);
  await page.context().close();
});

test("notices cover neither a room's header nor the composer", async () => {
  const { page } = desk;
  await page.goto(server.url);
  await row(page, /Greenhouse/).click();
  await page.getByRole("button", { name: "Details" }).click();
  await page.route("**/pushrules/**", (route) => route.fulfill({ status: 500, contentType: "application/json", body: "{}" }));
  await page.getByRole("button", { name: "Mute", exact: true }).click();
  const notice = page.getByRole("region", { name: "Notices" }).getByText("The server had a problem.");
  await notice.waitFor();
  const toast = await notice.boundingBox();
  const header = await page.locator("header").filter({ has: title(page, "Greenhouse") }).boundingBox();
  const composer = await messageField(page).boundingBox();
  if (!toast || !header || !composer) throw new Error("not on the screen");
  expect(toast.y).toBeGreaterThan(header.y + header.height);
  expect(toast.y + toast.height).toBeLessThan(composer.y);
  // What was shown at once is taken back.
  expect(await page.getByRole("button", { name: "Mute", exact: true }).getAttribute("aria-pressed")).toBe("false");
  expect([...desk.errors, ...other.errors]).toEqual([]);
});

/** Controls that a thumb would miss: less than 44 px in both directions, what belongs to them counted in; links in a sentence are free. */
function smallTargets(page: Page): Promise<string[]> {
  return page.evaluate(() =>
    [...document.querySelectorAll<HTMLElement>("button, a[href], input, textarea, [role=button]")].flatMap((control) => {
      const box = (control.matches("input, textarea") ? (control.closest("[class*=search],[class*=box],label") ?? control) : control).getBoundingClientRect();
      if (control.getAttribute("aria-hidden") === "true" || control.matches(":disabled, article a, [hidden]") || !control.checkVisibility({ visibilityProperty: true }) || box.width < 2) return [];
      const after = getComputedStyle(control, "::after");
      const more = (size: number, inner: string): number => Math.max(size, after.content !== "none" && after.position === "absolute" ? Number.parseFloat(inner) || 0 : 0);
      const width = more(box.width, after.width);
      const height = more(box.height, after.height);
      return width < 43.5 || height < 43.5 ? [`${control.getAttribute("aria-label") ?? control.textContent?.slice(0, 30)}: ${Math.round(width)} × ${Math.round(height)}`] : [];
    }),
  );
}
