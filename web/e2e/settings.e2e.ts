/** What a person changes about themselves: seen on their own screen, by others, and by the server. */
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { drawFace } from "./draw";
import { api, expectAccessiblePage, launch, openRoom, openWindow, register, roomOf, say, signIn } from "./people";
import type { Account, Window } from "./people";
import { startServer } from "./server";
import type { TestServer } from "./server";

let server: TestServer;
let browser: Browser;
let ada: Account;
let lena: Account;
let roomId: string;
let desk: Window;

beforeAll(async () => {
  server = await startServer();
  browser = await launch();
  [ada, lena] = await Promise.all([register(server.url, "ada", "Ada Okafor"), register(server.url, "lena", "Lena Maier")]);
  roomId = await roomOf(server.url, ada, [lena], "Garden collective");
  await say(server.url, lena, roomId, "Good morning");
  desk = await openWindow(browser, { viewport: { width: 1280, height: 800 } });
  await signIn(desk.page, server.url, lena);
});

afterAll(async () => {
  await browser?.close();
  await server?.remove();
});

async function settings(page: Page, name: "Profile" | "Appearance" | "Devices" | "Account"): Promise<void> {
  const dialog = page.getByRole("dialog", { name: "Settings" });
  const account = page.getByRole("button", { name: /Your account/ });
  await dialog.or(account).first().waitFor();
  if (!(await dialog.isVisible())) {
    await account.click();
    await page.getByRole("menuitem", { name: "Settings" }).click();
  }
  await page.getByRole("dialog").getByRole("navigation").getByRole("button", { name }).click();
  await page.getByRole("region", { name }).waitFor();
}

const whoami = (token: string): Promise<{ user_id?: string; errcode?: string }> => api(server.url, "GET", "/account/whoami", token);

const login = (user: string, password: string, device = "A script"): Promise<{ access_token: string }> =>
  api(server.url, "POST", "/login", undefined, { type: "m.login.password", identifier: { type: "m.id.user", user }, password, initial_device_display_name: device });

test("a new name and face are saved, and others see them at once", async () => {
  const other = await openRoom(browser, server.url, ada, roomId);
  const { page } = desk;
  await settings(page, "Profile");
  expect(await page.getByRole("button", { name: "Save" }).isDisabled()).toBe(true);
  await page.getByLabel("Name", { exact: true }).fill("Lena of the Mill");
  await page.getByRole("button", { name: "Save" }).click();
  await page.getByText("Saved.").first().waitFor();
  const face = await drawFace(page, { skin: "#f3c9a8", hair: "#7b4a2d", style: "bun", shirt: "#d9542f", back: "#fbd9c4" });
  await page.locator("input[type=file]").first().setInputFiles({ name: "me.png", mimeType: "image/png", buffer: face });
  await expect.poll(async () => (await api<{ avatar_url?: string }>(server.url, "GET", `/profile/${encodeURIComponent(lena.userId)}`)).avatar_url ?? "").toMatch(/^mxc:/);
  await page.keyboard.press("Escape");
  await page.getByRole("button", { name: "Your account: Lena of the Mill" }).locator("img").waitFor();

  await say(server.url, lena, roomId, "Do you like it?");
  const row = other.page.locator("[data-type=message]").filter({ hasText: "Do you like it?" });
  await row.locator("img").first().waitFor();
  await row.getByRole("article", { name: /Lena of the Mill/ }).waitFor();
  await other.page.getByRole("button", { name: "Details" }).click();
  await other.page.getByRole("region", { name: "Members" }).getByRole("button", { name: /Lena of the Mill/ }).locator("img").waitFor();
  expect([...desk.errors, ...other.errors]).toEqual([]);
  await other.page.context().close();
});

test("the colours follow the choice, through a reload too, and then the system again", async () => {
  const { page } = desk;
  const scheme = (): Promise<string> => page.evaluate(() => getComputedStyle(document.documentElement).colorScheme);
  await page.emulateMedia({ colorScheme: "light" });
  await settings(page, "Appearance");
  await page.getByRole("radio", { name: "Dark" }).check();
  expect(await scheme()).toBe("dark");
  await page.reload();
  await page.getByRole("radio", { name: "Dark" }).waitFor();
  expect(await scheme()).toBe("dark");
  expect(await page.getByRole("radio", { name: "Dark" }).isChecked()).toBe(true);
  await page.getByRole("radio", { name: "As the system" }).check();
  expect(await scheme()).toBe("light dark");
});

test("the password changes only with the present one, and then signs out everywhere else", async () => {
  const { page } = desk;
  const elsewhere = (await login("lena", lena.password)).access_token;
  await settings(page, "Account");
  const change = page.getByRole("button", { name: "Change password" });
  await page.getByLabel("Present password").fill("not this one");
  await page.getByLabel("New password", { exact: true }).fill("short");
  await change.click();
  await page.getByText("Use at least 8 characters.").waitFor();
  await page.getByLabel("New password", { exact: true }).fill("a garden in april");
  await change.click();
  await page.getByText("The password is wrong.").waitFor();
  expect((await whoami(elsewhere)).user_id).toBe(lena.userId);
  await page.getByLabel("Present password").fill(lena.password);
  await change.click();
  await page.getByText("Your password was changed.").waitFor();

  expect((await whoami(elsewhere)).errcode).toBe("M_UNKNOWN_TOKEN");
  await expect(login("lena", lena.password)).rejects.toThrow(/403/);
  lena.password = "a garden in april";
  expect((await login("lena", lena.password)).access_token).toBeTruthy();
});

test("a device is renamed, and another one is signed out and is really out", async () => {
  const away = await openWindow(browser, { viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true });
  await signIn(away.page, server.url, lena);
  const { page } = desk;
  await page.reload();
  await settings(page, "Devices");
  const rename = page.getByRole("button", { name: /^Rename/ }).first();
  await rename.click();
  await page.getByLabel("Device name").fill("The desk in the kitchen");
  await page.keyboard.press("Enter");
  await page.getByText("The desk in the kitchen").waitFor();
  const { devices } = await api<{ devices: { device_id: string; display_name?: string }[] }>(server.url, "GET", "/devices", (await login("lena", lena.password)).access_token);
  expect(devices.map((device) => device.display_name)).toContain("The desk in the kitchen");

  const session = await away.page.evaluate(() => JSON.parse(localStorage.getItem("chatbook.session") ?? "{}") as { deviceId: string; accessToken: string });
  // Others were signed in for a moment by the tests: only the newest browser is the phone.
  await away.page.getByRole("button", { name: /Your account/ }).waitFor();
  await api(server.url, "PUT", `/devices/${session.deviceId}`, session.accessToken, { display_name: "Old phone" });
  await page.reload();
  await page.getByRole("button", { name: "Sign out: Old phone" }).click();
  const ask = page.getByRole("dialog", { name: /Sign out “Old phone”/ });
  await ask.getByLabel("Your password").fill("wrong");
  await ask.getByRole("button", { name: "Sign out" }).click();
  await ask.getByText("The password is wrong.").waitFor();
  expect((await whoami(session.accessToken)).user_id).toBe(lena.userId);
  await ask.getByLabel("Your password").fill(lena.password);
  await ask.getByRole("button", { name: "Sign out" }).click();
  // While it asks, nothing behind it has a role.
  await ask.waitFor({ state: "detached" });
  await page.getByRole("button", { name: "Sign out: Old phone" }).waitFor({ state: "detached" });
  expect((await whoami(session.accessToken)).errcode).toBe("M_UNKNOWN_TOKEN");
  await away.page.getByText("You have been signed out.").waitFor();
  expect(await away.page.evaluate(() => localStorage.getItem("chatbook.session"))).toBeNull();
  await away.page.context().close();
});

test.each([
  ["light", 1280],
  ["dark", 390],
] as const)("every page of the settings is accessible and keeps its place: %s, %i px", async (colorScheme, width) => {
  const window = await openWindow(browser, { viewport: { width, height: 800 }, colorScheme });
  await signIn(window.page, server.url, lena);
  const boxes: unknown[] = [];
  for (const name of ["Profile", "Appearance", "Devices", "Account"] as const) {
    await settings(window.page, name);
    await window.page.waitForTimeout(400);
    await expectAccessiblePage(window.page, `settings: ${name}`);
    boxes.push(await window.page.getByRole("dialog").boundingBox());
    expect(await window.page.getByRole("dialog").evaluate((dialog) => dialog.scrollWidth > dialog.clientWidth), name).toBe(false);
  }
  // The window does not jump from page to page.
  expect(new Set(boxes.map((box) => JSON.stringify(box))).size).toBe(1);
  expect(window.errors).toEqual([]);
  await window.page.context().close();
});

test("signing out ends the session on the server and leaves nothing behind", async () => {
  const { page } = desk;
  await page.getByRole("dialog").waitFor();
  const { accessToken } = await page.evaluate(() => JSON.parse(localStorage.getItem("chatbook.session") ?? "{}") as { accessToken: string });
  await settings(page, "Account");
  await page.getByRole("button", { name: "Sign out", exact: true }).click();
  await page.getByText("Welcome back").waitFor();
  expect((await whoami(accessToken)).errcode).toBe("M_UNKNOWN_TOKEN");
  expect(await page.evaluate(() => localStorage.getItem("chatbook.session"))).toBeNull();
  await page.goto(`${server.url}/room/${encodeURIComponent(roomId)}`);
  await page.getByText("Welcome back").waitFor();
  expect(desk.errors).toEqual([]);
});
