import { spawn } from "node:child_process";
import type { Browser } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { api, launch, openWindow, register, signIn, write } from "./people";
import type { Account, Window } from "./people";
import { binary } from "./server";

/** A cluster on this machine whose nodes come back when they are killed. */
interface Cluster {
  url: string;
  nodes: () => number[];
  stop: () => Promise<void>;
}

async function startCluster(): Promise<Cluster> {
  const environment = { ...process.env, CHATBOOK_RATE_LIMITS__ENABLED: "false", CHATBOOK_PASSWORDS__MEMORY_KIB: "8", CHATBOOK_PASSWORDS__ITERATIONS: "1" };
  const child = spawn(binary(), ["cluster", "dev", "--restart", "--listen", "127.0.0.1:0"], { env: environment, stdio: ["ignore", "pipe", "inherit"] });
  let printed = "";
  child.stdout.on("data", (chunk: Buffer) => (printed += chunk.toString()));
  const deadline = Date.now() + 60_000;
  while (!/Ctrl-C/.test(printed)) {
    if (Date.now() > deadline || child.exitCode !== null) throw new Error(`the cluster does not start: ${printed}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  const url = /http:\/\/[\d.:]+/.exec(printed)?.[0] ?? "";
  // The table at the start, and a line for each node that was started again.
  const nodes = () => {
    const found = new Map<string, number>();
    for (const [, name, pid] of printed.matchAll(/^(node\d+)(?: is back, process|\s+[\d.:]+)\s+(\d+)$/gm)) found.set(name ?? "", Number(pid));
    return [...found.values()];
  };
  const stop = async () => {
    const ended = new Promise((resolve) => child.once("exit", resolve));
    child.kill("SIGTERM");
    await ended;
  };
  return { url, nodes, stop };
}

let cluster: Cluster;
let browser: Browser;
let desk: Window;
let phone: Window;
let lena: Account;
let jun: Account;

beforeAll(async () => {
  cluster = await startCluster();
  [lena, jun] = await Promise.all([register(cluster.url, "lena", "Lena Maier"), register(cluster.url, "jun", "Jun Park")]);
  const made = await api<{ room_id: string }>(cluster.url, "POST", "/createRoom", jun.token, { name: "Harbour", preset: "private_chat", invite: [lena.userId] });
  await api(cluster.url, "POST", `/join/${encodeURIComponent(made.room_id)}`, lena.token, {});
  browser = await launch();
  desk = await openWindow(browser, { viewport: { width: 1280, height: 800 } });
  phone = await openWindow(browser, { viewport: { width: 390, height: 844 } });
  for (const [window, person] of [
    [desk, lena],
    [phone, jun],
  ] as const) {
    await signIn(window.page, cluster.url, person);
    await window.page.getByRole("link", { name: /Harbour/ }).click();
    await window.page.getByRole("heading", { level: 1, name: "Harbour" }).waitFor();
  }
});

afterAll(async () => {
  await browser?.close();
  await cluster?.stop();
});

async function onScreen(window: Window): Promise<string[]> {
  const labels = await window.page.getByRole("article").evaluateAll((rows) => rows.map((row) => row.getAttribute("aria-label") ?? ""));
  return labels.map((label) => /wave \d+/.exec(label)?.[0] ?? "").filter(Boolean);
}

test("every node dies in turn while two people write: both end with the same timeline, and reconnecting is brief", async () => {
  const wanted: string[] = [];
  // How long each window has said that it is reconnecting, in all.
  for (const { page } of [desk, phone]) {
    await page.evaluate(() => {
      const seen = { ms: 0 };
      Object.assign(window, { reconnecting: seen });
      setInterval(() => (seen.ms += document.body.innerText.includes("Reconnecting") ? 50 : 0), 50);
    });
  }
  for (const turn of [0, 1, 2]) {
    for (const n of [0, 1, 2, 3]) {
      const text = `wave ${turn * 4 + n}`;
      wanted.push(text);
      await write(n % 2 === 0 ? desk.page : phone.page, text);
      await (n % 2 === 0 ? phone : desk).page.getByRole("article", { name: text }).waitFor({ timeout: 20_000 });
      if (n === 1) {
        const victim = cluster.nodes()[turn];
        if (victim === undefined) throw new Error("there is no such node");
        process.kill(victim, "SIGKILL");
      }
    }
    // The node is started again after two seconds; the next one dies only then.
    await new Promise((resolve) => setTimeout(resolve, 6_000));
  }
  for (const window of [desk, phone]) {
    await expect.poll(() => onScreen(window), { timeout: 20_000 }).toEqual(wanted);
    await expect.poll(() => window.page.getByRole("img", { name: /^(Sending|Not sent)$/ }).count(), { timeout: 20_000 }).toBe(0);
    await expect.poll(() => window.page.getByText(/Reconnecting/).count(), { timeout: 20_000 }).toBe(0);
    const ms = await window.page.evaluate(() => (window as unknown as { reconnecting: { ms: number } }).reconnecting.ms);
    console.warn(`three nodes died; this window said "Reconnecting" for ${ms} ms`);
    expect(ms).toBeLessThan(6_000);
  }
});
