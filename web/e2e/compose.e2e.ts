/** Writing in a real browser: emoji, mentions, formatting, replies, edits, deletions, reactions, drafts. */
import { mkdirSync } from "node:fs";
import { join, resolve } from "node:path";
import type { Browser, BrowserContextOptions, Locator, Page } from "playwright-core";
import { afterAll, beforeAll, expect, it } from "vitest";
import { api, expectAccessiblePage, launch, messageField, openRoom, register, roomOf, say, write } from "./people";
import type { Account, Window } from "./people";
import { startServer } from "./server";
import type { TestServer } from "./server";

const PHONE: BrowserContextOptions = { hasTouch: true, isMobile: true };
const LOOK = process.env["CHATBOOK_LOOK"];

let server: TestServer;
let browser: Browser;
let ada: Account;
let tom: Account;
let desk: Window;
let elsewhere: string;

beforeAll(async () => {
  server = await startServer();
  browser = await launch();
  [ada, tom] = await Promise.all([register(server.url, "ada", "Ada Okafor"), register(server.url, "tom", "Tom Brandt")]);
  elsewhere = await roomOf(server.url, ada, [tom], "Elsewhere");
  await say(server.url, tom, elsewhere, "nothing here");
  desk = await openRoom(browser, server.url, ada, elsewhere);
});
afterAll(async () => {
  expect(desk.errors).toEqual([]);
  await browser?.close();
  await server?.remove();
});

interface Sent {
  event_id: string;
  type: string;
  content: Record<string, unknown> & { body?: string };
}

/** What the server has in the room, oldest first, as Tom is told. */
async function onServer(roomId: string): Promise<Sent[]> {
  const { chunk } = await api<{ chunk: Sent[] }>(server.url, "GET", `/rooms/${encodeURIComponent(roomId)}/messages?dir=b&limit=100`, tom.token);
  return chunk.filter((event) => event.type === "m.room.message").toReversed();
}

async function bodies(roomId: string): Promise<(string | undefined)[]> {
  return (await onServer(roomId)).map((event) => event.content.body);
}

/** Opens a new room with a first message of Tom's, in Ada's window. */
async function newRoom(name: string): Promise<string> {
  const roomId = await roomOf(server.url, ada, [tom], name);
  await say(server.url, tom, roomId, `Welcome to ${name}`);
  await goTo(name);
  await message(desk.page, `Welcome to ${name}`).waitFor();
  return roomId;
}

async function goTo(name: string): Promise<void> {
  await desk.page.getByRole("link", { name: new RegExp(name) }).click();
  await desk.page.getByRole("heading", { level: 1, name }).waitFor();
}

function message(page: Page, text: string): Locator {
  return page.getByRole("article", { name: text });
}

async function delivered(page: Page, text: string): Promise<Locator> {
  const row = message(page, text).last();
  await row.getByRole("img", { name: /Sent|Read/ }).waitFor();
  return row;
}

/** With CHATBOOK_LOOK=<folder> the states are also kept as pictures. */
async function look(page: Page, name: string): Promise<void> {
  if (!LOOK) return;
  mkdirSync(LOOK, { recursive: true });
  await page.screenshot({ path: join(resolve(LOOK), `${name}.png`) });
}

it("puts an emoji where the caret is, by keyboard alone, and remembers it", async () => {
  const { page } = desk;
  await newRoom("Emoji");
  const field = messageField(page);
  await field.pressSequentially("ab");
  await page.keyboard.press("ArrowLeft");
  await page.keyboard.press("Tab");
  await page.keyboard.press("Enter");
  const picker = page.getByRole("dialog", { name: "Emoji" });
  await picker.getByRole("button", { name: "grinning face", exact: true }).waitFor();
  await look(page, "emoji-open");
  await expectAccessiblePage(page, "emoji picker");
  // Whoever knows what they want does not wait for what is drawn.
  await page.keyboard.type("tomato");
  await page.keyboard.press("ArrowDown");
  expect(await page.evaluate(() => document.activeElement?.getAttribute("aria-label"))).toBe("tomato");
  await picker.getByRole("heading", { name: "Found" }).waitFor();
  await look(page, "emoji-search");
  await page.keyboard.press("Enter");
  await picker.waitFor({ state: "detached" });
  expect(await field.inputValue()).toBe("a🍅b");
  // The field has the focus and the caret stands behind the emoji.
  await page.keyboard.type("!");
  expect(await field.inputValue()).toBe("a🍅!b");

  const button = page.getByRole("button", { name: "Emoji", exact: true });
  await button.click();
  await picker.getByRole("region", { name: "Recent" }).getByRole("button", { name: "tomato" }).waitFor();
  await picker.getByRole("radio", { name: "Dark", exact: true }).click();
  await picker.getByRole("searchbox").fill("waving");
  await picker.getByRole("button", { name: "waving hand" }).getByText("👋🏿").waitFor();
  await page.keyboard.press("Escape");
  await picker.waitFor({ state: "detached" });
  expect(await button.evaluate((element) => element === document.activeElement)).toBe(true);
  await field.fill("");
});

it("completes :shortcodes: from a list, and turns a finished one into its emoji", async () => {
  const { page } = desk;
  const field = messageField(page);
  await field.pressSequentially("so :smi");
  const list = page.getByRole("listbox", { name: "Emoji" });
  await list.getByRole("option").nth(1).waitFor();
  await look(page, "shortcodes");
  await expectAccessiblePage(page, "shortcode list");
  const second = (await list.getByRole("option").nth(1).textContent()) ?? "";
  await page.keyboard.press("ArrowDown");
  expect(await list.getByRole("option", { selected: true }).textContent()).toBe(second);
  await page.keyboard.press("Enter");
  await list.waitFor({ state: "detached" });
  const char = second.slice(0, second.indexOf(":"));
  expect(await field.inputValue()).toBe(`so ${char} `);
  await field.pressSequentially(":smil");
  await list.waitFor();
  await page.keyboard.press("Escape");
  await list.waitFor({ state: "detached" });
  expect(await field.inputValue()).toBe(`so ${char} :smil`);
  await field.fill("");
  await field.pressSequentially("party :tada:");
  await expect.poll(() => field.inputValue()).toBe("party 🎉");
  await field.pressSequentially(" at 10:30: yes");
  expect(await field.inputValue()).toBe("party 🎉 at 10:30: yes");
  await field.fill("");
});

it("mentions a member, who sees it marked and counted", async () => {
  const { page } = desk;
  const roomId = await newRoom("Mentions");
  const toms = await openRoom(browser, server.url, tom, elsewhere);
  const field = messageField(page);
  await field.pressSequentially("hello @");
  const list = page.getByRole("listbox", { name: "People" });
  await list.getByRole("option", { name: /Tom Brandt/ }).waitFor();
  await look(page, "mention-list");
  await expectAccessiblePage(page, "mention list");
  await page.keyboard.type("bra");
  await list.getByRole("option", { name: /Tom Brandt/ }).waitFor();
  await page.keyboard.press("Tab");
  expect(await field.inputValue()).toBe("hello @Tom Brandt ");
  await page.keyboard.type("look here");
  await page.keyboard.press("Enter");
  const own = await delivered(page, "look here");
  await own.getByText("@Tom Brandt", { exact: true }).waitFor();
  const sent = (await onServer(roomId)).at(-1);
  expect(sent?.content["m.mentions"]).toEqual({ user_ids: [tom.userId] });
  expect(sent?.content["formatted_body"]).toContain(`https://matrix.to/#/${tom.userId}`);

  const link = toms.page.getByRole("link", { name: /Mentions/ });
  await link.getByText("@ 1").waitFor();
  await look(toms.page, "mention-badge");
  await link.click();
  const received = message(toms.page, "look here");
  await received.locator("[data-me]", { hasText: "@Tom Brandt" }).waitFor();
  await look(toms.page, "mention-pill");
  expect(toms.errors).toEqual([]);
  await toms.page.context().close();
});

it("formats what is written, in several lines, and sends with Enter", async () => {
  const { page } = desk;
  const roomId = await newRoom("Formatting");
  const field = messageField(page);
  await field.pressSequentially("words");
  await page.keyboard.press("Control+a");
  await page.keyboard.press("Control+b");
  expect(await field.inputValue()).toBe("**words**");
  await page.keyboard.press("Control+b");
  expect(await field.inputValue()).toBe("words");
  await page.keyboard.press("Control+b");
  await page.keyboard.press("End");
  for (const line of ["", "- one", "- two", "", "```", "let x = 1 < 2;", "```", "", "[the plan](https://example.org/plan)"]) {
    await page.keyboard.press("Shift+Enter");
    await page.keyboard.type(line);
  }
  await look(page, "formatting-written");
  await page.keyboard.press("Enter");
  expect(await field.inputValue()).toBe("");
  const row = await delivered(page, "words");
  expect(await row.locator("strong").innerText()).toBe("words");
  expect(await row.locator("li").allInnerTexts()).toEqual(["one", "two"]);
  expect((await row.locator("pre code").innerText()).trim()).toBe("let x = 1 < 2;");
  expect(await row.getByRole("link", { name: "the plan" }).getAttribute("href")).toBe("https://example.org/plan");
  await look(page, "formatting-sent");
  await expectAccessiblePage(page, "formatted message");
  expect((await onServer(roomId)).at(-1)?.content["format"]).toBe("org.matrix.custom.html");
});

it("takes a long paste, refuses more than a message holds, keeps the words and offers a file", async () => {
  const { page } = desk;
  const roomId = await newRoom("Length");
  const field = messageField(page);
  const long = "All work and no play. ".repeat(2000);
  await field.fill(long);
  await page.keyboard.press("Enter");
  await delivered(page, "All work");
  expect((await onServer(roomId)).at(-1)?.content.body).toBe(long.trim());

  const tooLong = "x".repeat(70_000);
  await field.fill(tooLong);
  await page.getByRole("alert").getByText(/too long/).waitFor();
  await look(page, "too-long");
  await expectAccessiblePage(page, "too long");
  await field.press("Enter");
  expect(await field.inputValue()).toHaveLength(70_000);
  await page.getByRole("button", { name: "Send as a file" }).click();
  const sheet = page.getByRole("dialog");
  await sheet.getByText("message.txt").waitFor();
  await sheet.getByRole("button", { name: "Cancel" }).click();
  await sheet.waitFor({ state: "detached" });
  // Who changes their mind has lost nothing.
  expect(await field.inputValue()).toHaveLength(70_000);
  await field.fill("");
});

it("answers a message with its quote, unless Escape calls it off", async () => {
  const { page } = desk;
  const roomId = await newRoom("Replies");
  const row = message(page, "Welcome to Replies");
  await row.hover();
  await look(page, "toolbar");
  await row.getByRole("button", { name: "Reply" }).click();
  await page.getByText("Replying to Tom Brandt").waitFor();
  await look(page, "reply-banner");
  await expectAccessiblePage(page, "reply banner");
  await page.keyboard.press("Escape");
  await page.getByText("Replying to Tom Brandt").waitFor({ state: "detached" });
  await row.hover();
  await row.getByRole("button", { name: "Reply" }).click();
  await page.keyboard.type("Thank you");
  await page.keyboard.press("Enter");
  const reply = await delivered(page, "Thank you");
  await reply.getByRole("button", { name: /Go to the message:.*Tom Brandt/ }).getByText("Welcome to Replies").waitFor();
  await look(page, "reply-sent");
  expect((await onServer(roomId)).at(-1)?.content).toMatchObject({ body: "Thank you", "m.mentions": { user_ids: [tom.userId] }, "m.relates_to": { "m.in_reply_to": {} } });
});

it("edits: the arrow up takes the last own message, Escape lets go, and the draft comes back", async () => {
  const { page } = desk;
  const roomId = await newRoom("Edits");
  const field = messageField(page);
  await write(page, "Tomorow at ten");
  await delivered(page, "Tomorow at ten");
  await field.press("ArrowUp");
  await page.getByText("Editing your message").waitFor();
  expect(await field.inputValue()).toBe("Tomorow at ten");
  await look(page, "edit-banner");
  await expectAccessiblePage(page, "edit banner");
  await page.keyboard.press("Escape");
  await page.getByText("Editing your message").waitFor({ state: "detached" });
  expect(await field.inputValue()).toBe("");

  await field.fill("half a thought");
  const row = message(page, "Tomorow at ten");
  await row.hover();
  await row.getByRole("button", { name: "Edit" }).click();
  await expect.poll(() => field.inputValue()).toBe("Tomorow at ten");
  await field.fill("Tomorrow at ten");
  await page.keyboard.press("Enter");
  await message(page, "Tomorrow at ten").getByText("edited").waitFor();
  await look(page, "edited");
  expect(await field.inputValue()).toBe("half a thought");
  await page.reload();
  await message(page, "Tomorrow at ten").getByText("edited").waitFor();
  expect(await field.inputValue()).toBe("half a thought");
  expect((await onServer(roomId)).at(-1)?.content["m.new_content"]).toMatchObject({ body: "Tomorrow at ten" });
  await field.fill("");
});

it("gives changes that the server refuses back to the field", async () => {
  const roomId = await roomOf(server.url, ada, [tom], "Refused edits");
  await say(server.url, ada, roomId, "first words");
  const { page, errors } = await openRoom(browser, server.url, ada, roomId);
  await page.routeWebSocket("**/org.chatbook.stream", (socket) => socket.close());
  await page.route("**/send/m.room.message/**", (route) =>
    route.fulfill({ status: 403, contentType: "application/json", body: JSON.stringify({ errcode: "M_FORBIDDEN", error: "no" }) }),
  );
  await page.reload();
  await message(page, "first words").waitFor();
  const field = messageField(page);
  await field.press("ArrowUp");
  await field.fill("better words");
  await page.keyboard.press("Enter");
  await page.getByText("Your changes could not be saved").waitFor();
  expect(await field.inputValue()).toBe("better words");
  await message(page, "first words").waitFor();
  await page.keyboard.press("Escape");

  // A new message that is refused stays, says so, and can be thrown away.
  await write(page, "not welcome");
  const mine = message(page, "not welcome");
  await mine.getByRole("alert").getByText("you may not write here").waitFor();
  await look(page, "send-failed");
  await expectAccessiblePage(page, "failed message");
  await mine.getByRole("button", { name: "Delete" }).click();
  await mine.waitFor({ state: "detached" });
  expect(errors).toEqual([]);
  await page.context().close();
});

it("deletes a message after a time to undo it", async () => {
  const { page } = desk;
  const roomId = await newRoom("Deletions");
  await write(page, "a slip of the tongue");
  const row = await delivered(page, "a slip of the tongue");
  await row.hover();
  await row.getByRole("button", { name: "More" }).click();
  await look(page, "more-menu");
  await page.getByRole("menuitem", { name: "Delete" }).click();
  await message(page, "Message deleted").waitFor();
  await look(page, "deleted-undo");
  await expectAccessiblePage(page, "deleted with undo");
  await page.getByRole("region", { name: "Notices" }).getByRole("button", { name: "Undo" }).click();
  await message(page, "a slip of the tongue").waitFor();
  expect(await bodies(roomId)).toContain("a slip of the tongue");

  // By keyboard: the message itself takes the Delete key, and offers the way back.
  await message(page, "a slip of the tongue").focus();
  await page.keyboard.press("Delete");
  await message(page, "Message deleted").getByRole("button", { name: "Undo" }).waitFor();
  // Somewhere else the time goes on.
  await goTo("Elsewhere");
  expect(await bodies(roomId)).toContain("a slip of the tongue");
  await expect.poll(() => bodies(roomId), { timeout: 15_000 }).toEqual(["Welcome to Deletions", undefined]);
  await goTo("Deletions");
  await message(page, "Message deleted").waitFor();
  expect(await message(page, "Message deleted").getByRole("button", { name: "Undo" }).count()).toBe(0);
});

it("sends waiting deletions when the page is left, or at the next start when it crashed", async () => {
  const roomId = await roomOf(server.url, ada, [tom], "Leaving");
  await say(server.url, ada, roomId, "leave one");
  await say(server.url, ada, roomId, "leave two");
  const { page, errors } = await openRoom(browser, server.url, ada, roomId);
  await message(page, "leave one").focus();
  await page.keyboard.press("Delete");
  await message(page, "Message deleted").waitFor();
  const begin = Date.now();
  await page.goto(`${server.url}/_matrix/client/versions`);
  await expect.poll(() => bodies(roomId), { timeout: 5000 }).toEqual([undefined, "leave two"]);
  expect(Date.now() - begin).toBeLessThan(5500);

  const crashing = await page.context().newPage();
  // A page that is killed hears nothing of its end.
  await crashing.addInitScript(() => window.addEventListener("pagehide", (event) => event.stopImmediatePropagation(), true));
  await crashing.goto(`${server.url}/room/${encodeURIComponent(roomId)}`);
  await message(crashing, "leave two").focus();
  await crashing.keyboard.press("Delete");
  await message(crashing, "Message deleted").nth(1).waitFor();
  await crashing.close();
  expect(await bodies(roomId)).toContain("leave two");
  await page.goto(`${server.url}/room/${encodeURIComponent(roomId)}`);
  await message(page, "Message deleted").nth(1).waitFor();
  await expect.poll(() => bodies(roomId), { timeout: 15_000 }).toEqual([undefined, undefined]);
  await expect.poll(() => page.evaluate(() => Object.keys(localStorage).filter((key) => key.startsWith("chatbook.deletions")))).toEqual([]);
  expect(errors).toEqual([]);
  await page.context().close();
});

it("reacts, says who did, and takes it back", async () => {
  const { page } = desk;
  const roomId = await newRoom("Reactions");
  const row = message(page, "Welcome to Reactions");
  const target = (await onServer(roomId))[0]?.event_id;
  await api(server.url, "PUT", `/rooms/${encodeURIComponent(roomId)}/send/m.reaction/r1`, tom.token, { "m.relates_to": { rel_type: "m.annotation", event_id: target, key: "🎉" } });
  await row.getByRole("button", { name: /🎉.*Tom Brandt/ }).waitFor();
  await row.hover();
  await row.getByRole("button", { name: "React" }).click();
  const picker = page.getByRole("dialog", { name: "Emoji" });
  // The toolbar and its picker stay although the pointer has left the message.
  await page.mouse.move(5, 5);
  await picker.getByRole("searchbox").fill("tada");
  await look(page, "react-picker");
  await page.keyboard.press("Enter");
  const pill = row.getByRole("button", { name: /🎉/, pressed: true });
  await pill.waitFor();
  expect(await pill.getAttribute("aria-label")).toMatch(/Ada Okafor/);
  await look(page, "reacted");
  // The tooltip of the button that has the focus again.
  await page.keyboard.press("Escape");
  await expectAccessiblePage(page, "reactions");
  await row.hover();
  await row.getByRole("button", { name: "More" }).click();
  await page.getByRole("menuitem", { name: "Reactions" }).click();
  const who = page.getByRole("dialog", { name: "Reactions" });
  await who.getByText("Tom Brandt").waitFor();
  await who.getByText("Ada Okafor").waitFor();
  await look(page, "who-reacted");
  await page.keyboard.press("Escape");
  await pill.click();
  await row.getByRole("button", { name: /🎉/, pressed: false }).waitFor();
  await expect.poll(() => row.getByRole("button", { name: /🎉/ }).innerText()).toMatch(/1/);
});

it("copies the words of a message, and a link that leads back to it", async () => {
  const { page } = desk;
  await newRoom("Copies");
  await page.context().grantPermissions(["clipboard-read", "clipboard-write"]);
  const row = message(page, "Welcome to Copies");
  const copy = async (what: string): Promise<string> => {
    await row.hover();
    await row.getByRole("button", { name: "More" }).click();
    await page.getByRole("menuitem", { name: what }).click();
    const toast = page.getByText("Copied");
    await toast.waitFor();
    await page.getByRole("button", { name: "Dismiss" }).click();
    return page.evaluate(() => navigator.clipboard.readText());
  };
  expect(await copy("Copy text")).toBe("Welcome to Copies");
  const link = await copy("Copy link");
  expect(link).toMatch(new RegExp(`^${server.url}/room/`));
  await goTo("Elsewhere");
  await page.goto(link);
  await row.waitFor();
});

it("keeps drafts over a reload and another room, and never sends them by itself", async () => {
  const { page } = desk;
  const roomId = await newRoom("Drafts");
  const field = messageField(page);
  await field.fill("not yet ready @Tom");
  await goTo("Elsewhere");
  expect(await field.inputValue()).toBe("");
  await goTo("Drafts");
  expect(await field.inputValue()).toBe("not yet ready @Tom");
  await page.reload();
  await message(page, "Welcome to Drafts").waitFor();
  expect(await field.inputValue()).toBe("not yet ready @Tom");
  expect(await bodies(roomId)).toEqual(["Welcome to Drafts"]);
  await field.fill("");
});

it("works by touch: a long press opens the actions, Enter makes a line, the button sends", async () => {
  const roomId = await roomOf(server.url, ada, [tom], "Touch");
  await say(server.url, tom, roomId, "hold me");
  await say(server.url, ada, roomId, "or me");
  const { page, errors } = await openRoom(browser, server.url, ada, roomId, { width: 390, height: 844 }, PHONE);
  const touch = await page.context().newCDPSession(page);
  const hold = async (row: Locator): Promise<void> => {
    const box = await row.locator("time").boundingBox();
    const point = { x: box?.x ?? 0, y: box?.y ?? 0 };
    await touch.send("Input.dispatchTouchEvent", { type: "touchStart", touchPoints: [point] });
    await page.waitForTimeout(600);
    await touch.send("Input.dispatchTouchEvent", { type: "touchEnd", touchPoints: [] });
  };
  const row = message(page, "hold me");
  await hold(row);
  const toolbar = row.getByRole("toolbar", { name: "Message actions" });
  await toolbar.waitFor();
  await look(page, "touch-toolbar");
  await expectAccessiblePage(page, "touch toolbar");
  const box = await toolbar.boundingBox();
  expect(box?.x).toBeGreaterThanOrEqual(0);
  expect((box?.x ?? 0) + (box?.width ?? 999)).toBeLessThanOrEqual(390);
  await toolbar.getByRole("button", { name: "React" }).tap();
  await look(page, "touch-react");
  await page.getByRole("dialog", { name: "Emoji" }).getByRole("region", { name: "Recent" }).getByRole("button", { name: "thumbs up" }).tap();
  await row.getByRole("button", { name: /👍/, pressed: true }).waitFor();

  const own = message(page, "or me");
  await hold(own);
  await own.getByRole("button", { name: "More" }).tap();
  await page.getByRole("menuitem", { name: "Copy text" }).waitFor();
  await look(page, "touch-more");
  await page.keyboard.press("Escape");

  await messageField(page).tap();
  await page.keyboard.type("one");
  await page.keyboard.press("Enter");
  await page.keyboard.type("two");
  await look(page, "touch-write");
  await page.getByRole("button", { name: "Send", exact: true }).tap();
  await delivered(page, "one");
  expect((await onServer(roomId)).at(-1)?.content.body).toBe("one\ntwo");
  expect(errors).toEqual([]);
  await page.context().close();
});
