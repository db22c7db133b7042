/** The pictures of the documentation, taken of a lived-in server (`scene.ts`); `npm run pictures` puts them into docs/images. */
import { mkdirSync } from "node:fs";
import { join, resolve } from "node:path";
import type { Browser, BrowserContextOptions, Page } from "playwright-core";
import { afterAll, beforeAll, test } from "vitest";
import { expectAccessiblePage, launch } from "./people";
import { buildScene, enliven, sceneContext, signInAs } from "./scene";
import type { Scene } from "./scene";
import { startServer } from "./server";
import type { TestServer } from "./server";

const IMAGES = process.env["UPDATE_SCREENSHOTS"] ? resolve(import.meta.dirname, "../../docs/images") : resolve(import.meta.dirname, "../test-results");

let server: TestServer;
let browser: Browser;
let scene: Scene;

beforeAll(async () => {
  mkdirSync(IMAGES, { recursive: true });
  server = await startServer();
  scene = await buildScene(server.url);
  browser = await launch();
});

afterAll(async () => {
  await browser?.close();
  await server?.remove();
});

/** Lena's window. What she reads in it is not told to the server, so that the next picture finds it unread as well. */
async function open(path: string, options: BrowserContextOptions): Promise<Page> {
  const context = await sceneContext(browser, scene, options);
  await signInAs(context, scene.people.lena);
  await context.route(/\/(read_markers|receipt)\b/, (route) => route.fulfill({ json: {} }));
  await context.routeWebSocket("**/org.chatbook.stream", (socket) => {
    const upstream = socket.connectToServer();
    socket.onMessage((message) => {
      const { method, id } = JSON.parse(String(message)) as { method?: string; id?: string };
      if (method === "receipt" || method === "read_marker") socket.send(JSON.stringify({ id, result: {} }));
      else upstream.send(message);
    });
  });
  const page = await context.newPage();
  await enliven(scene);
  await page.goto(`${server.url}${path}`);
  return page;
}

/** Everything loaded, the newest message above the composer. */
async function toEnd(page: Page): Promise<void> {
  await page.waitForTimeout(900);
  await page.getByTestId("timeline-scroller").evaluate((scroller) => (scroller.scrollTop = scroller.scrollHeight));
  await page.waitForTimeout(600);
}

const garden = (): string => `/room/${encodeURIComponent(scene.rooms.garden)}`;

test.each(["light", "dark"] as const)("a conversation on a desk, %s", async (colorScheme) => {
  const page = await open(`${garden()}?panel=details`, { viewport: { width: 1360, height: 860 }, colorScheme });
  await page.getByRole("article", { name: /Ten o'clock at the gate/ }).waitFor();
  await page.getByText("Online · 6").waitFor();
  await enliven(scene);
  await page.getByRole("region", { name: "Members" }).getByText("typing…").waitFor();
  await toEnd(page);
  await page.screenshot({ path: join(IMAGES, `chat-${colorScheme}.png`) });
  await expectAccessiblePage(page, `the scene, ${colorScheme}`);
  await page.context().close();
});

test("the same on a phone", async () => {
  const page = await open("/", { viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true, deviceScaleFactor: 2, colorScheme: "light" });
  await page.getByRole("link", { name: /Garden collective/ }).waitFor();
  await enliven(scene);
  await page.getByText("Noor is typing…").waitFor();
  await page.waitForTimeout(600);
  await page.screenshot({ path: join(IMAGES, "list-phone.png") });
  await page.getByRole("link", { name: /Garden collective/ }).tap();
  await page.getByRole("article", { name: /Ten o'clock at the gate/ }).waitFor();
  await enliven(scene);
  await toEnd(page);
  await page.screenshot({ path: join(IMAGES, "chat-phone.png") });
  await expectAccessiblePage(page, "the scene on a phone");
  await page.context().close();
});
