import type { Browser } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { api, expectAccessiblePage, launch, messageField, openWindow, register, signIn } from "./people";
import type { Account } from "./people";
import { startServer } from "./server";
import type { TestServer } from "./server";

let server: TestServer;
let browser: Browser;
let ada: Account;

beforeAll(async () => {
  server = await startServer();
  browser = await launch();
  ada = await register(server.url, "ada", "Ada Okafor");
  await api(server.url, "POST", "/createRoom", ada.token, { name: "Release party", preset: "public_chat", visibility: "public", room_alias_name: "party" });
});

afterAll(async () => {
  await browser?.close();
  await server?.remove();
});

test("a person signs up, finds a public room, joins it, signs out and in again, all with the keyboard", async () => {
  const { page, errors } = await openWindow(browser, { viewport: { width: 1280, height: 800 } });
  await page.goto(server.url);
  await page.getByRole("button", { name: "Create account" }).press("Enter");
  await page.getByLabel("Name").fill("ben");
  await page.getByLabel("Password", { exact: true }).fill("a quiet evening");
  await page.keyboard.press("Enter");
  await page.getByText("Nothing here yet").waitFor();

  await page.getByRole("button", { name: "Explore rooms" }).press("Enter");
  await page.getByRole("button", { name: "Join: Release party" }).press("Enter");
  await page.getByRole("heading", { level: 1, name: "Release party" }).waitFor();
  expect(new URL(page.url()).pathname).toMatch(/^\/room\//);

  await page.keyboard.press("Control+k");
  await page.keyboard.type("rele");
  await page.keyboard.press("ArrowDown");
  expect(await page.evaluate(() => document.activeElement?.getAttribute("data-room"))).toMatch(/^!/);

  await page.getByRole("button", { name: /Your account/ }).press("Enter");
  await page.getByRole("menuitem", { name: "Sign out" }).press("Enter");
  await page.getByText("Welcome back").waitFor();
  await page.getByLabel("Name").fill("ben");
  await page.getByLabel("Password", { exact: true }).fill("wrong");
  await page.keyboard.press("Enter");
  await page.getByText("The name or the password is wrong").waitFor();
  await page.getByLabel("Password", { exact: true }).fill("a quiet evening");
  await page.keyboard.press("Enter");
  await page.getByRole("link", { name: /Release party/ }).waitFor();
  expect(errors).toEqual([]);
  await page.context().close();
});

test("what is wrong with a sign-up stands at its field, and the field is ready to be mended", async () => {
  const { page } = await openWindow(browser, { viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true });
  await page.goto(server.url);
  await page.getByRole("button", { name: "Create account" }).click();
  const name = page.getByLabel("Name");
  const password = page.getByLabel("Password", { exact: true });
  const create = page.locator("form").getByRole("button", { name: "Create account" });
  const focused = (): Promise<string | null> => page.evaluate(() => document.activeElement?.getAttribute("name") ?? null);
  await name.fill("Ada L");
  await password.fill("short");
  await create.click();
  await page.getByText("Use only small letters, digits and . _ - in your name.").waitFor();
  await page.getByText("Use at least 8 characters.").waitFor();
  await expect.poll(focused).toBe("username");
  await expectAccessiblePage(page, "sign up with errors");
  await name.fill("ada");
  await password.fill("a quiet evening");
  await create.click();
  await page.getByText("This name is taken. Choose another one.").waitFor();
  await expect.poll(focused).toBe("username");
  expect(await password.inputValue()).toBe("a quiet evening");
  await page.context().close();
});

test("a server that is away or in trouble is named as the reason, and trying again works", async () => {
  const { page } = await openWindow(browser, { viewport: { width: 1280, height: 800 } });
  await page.goto(server.url);
  await page.getByLabel("Name").fill("ada");
  await page.getByLabel("Password", { exact: true }).fill(ada.password);
  await page.route("**/login", (route) => route.abort());
  await page.keyboard.press("Enter");
  await page.getByRole("alert").getByText("The server cannot be reached.").waitFor();
  await page.unroute("**/login");
  await page.route("**/login", (route) => route.fulfill({ status: 502, body: "Bad gateway" }));
  await page.getByRole("button", { name: "Sign in", exact: true }).click();
  await page.getByRole("alert").getByText("The server had a problem.").waitFor();
  await expectAccessiblePage(page, "sign in with an error");
  await page.unroute("**/login");
  await page.getByRole("button", { name: "Sign in", exact: true }).click();
  await page.getByRole("navigation", { name: "Chats" }).waitFor();
  await page.context().close();
});

test("a link into a room opens it, and offers joining to who is not in it", async () => {
  const cleo = await register(server.url, "cleo", "Cleo Lind");
  const { page } = await openWindow(browser, { viewport: { width: 1280, height: 800 } });
  await signIn(page, server.url, cleo);
  const alias = `#party:${cleo.userId.split(":").slice(1).join(":")}`;
  await page.goto(`${server.url}/room/${encodeURIComponent(alias)}`);
  await page.getByRole("button", { name: "Join room" }).click();
  await messageField(page).waitFor();
  await page.reload();
  await page.getByRole("heading", { level: 1, name: "Release party" }).waitFor();
  await page.goto(`${server.url}/room/!nowhere`);
  await page.getByRole("button", { name: "Join room" }).click();
  await page.getByRole("alert").waitFor();
  await page.context().close();
});

test.each([
  ["light", 1280],
  ["dark", 390],
] as const)("every view is accessible and nothing overflows: %s, %i px", async (colorScheme, width) => {
  const { page, errors } = await openWindow(browser, { viewport: { width, height: 800 }, colorScheme });
  await page.goto(server.url);
  await page.getByText("Welcome back").waitFor();
  await expectAccessiblePage(page, "sign in");
  await page.getByRole("button", { name: "Create account" }).click();
  await page.getByLabel("Password", { exact: true }).fill("a quiet evening");
  await expectAccessiblePage(page, "sign up");
  await signIn(page, server.url, ada);
  await page.getByRole("link", { name: /Release party/ }).waitFor();
  await expectAccessiblePage(page, "room list");
  for (const view of ["new-chat", "new-room", "explore", "settings/profile", "settings/appearance", "settings/devices", "settings/account"]) {
    await page.goto(`${server.url}/?open=${view}`);
    await page.getByRole("dialog").waitFor();
    await page.waitForTimeout(500);
    await expectAccessiblePage(page, view);
  }
  await page.goto(server.url);
  await page.getByRole("link", { name: /Release party/ }).click();
  await page.getByRole("button", { name: "Details" }).click();
  await page.getByRole("region", { name: "Members" }).getByText("Ada Okafor").waitFor();
  await expectAccessiblePage(page, "details");
  expect(errors).toEqual([]);
  await page.context().close();
});

test("nothing needs sideways scrolling at 360 px, nor with text twice as large", async () => {
  const { page } = await openWindow(browser, { viewport: { width: 360, height: 640 }, hasTouch: true, isMobile: true });
  await signIn(page, server.url, ada);
  const sideways = (): Promise<boolean> => page.evaluate(() => document.documentElement.scrollWidth > document.documentElement.clientWidth);
  expect(await sideways()).toBe(false);
  await page.getByRole("link", { name: /Release party/ }).click();
  await messageField(page).waitFor();
  expect(await sideways()).toBe(false);
  await page.getByRole("button", { name: "Details" }).click();
  expect(await sideways()).toBe(false);
  await page.getByRole("button", { name: "Close details" }).click();
  await page.getByRole("button", { name: "Back to your chats" }).click();
  await page.evaluate(() => (document.documentElement.style.fontSize = "200%"));
  expect(await sideways()).toBe(false);
  await page.context().close();
});
