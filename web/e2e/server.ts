import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";

/** The real server, started on a free port with an empty data directory. */
export interface TestServer {
  url: string;
  /** As a power cut: no goodbye to anybody. */
  kill(): Promise<void>;
  /** On the same port and data. */
  start(): Promise<void>;
  /** Kills it and removes its data. */
  remove(): Promise<void>;
}

const ROOT = resolve(import.meta.dirname, "../..");
const START_TIMEOUT_MS = 60_000;

/** The server's binary: `CHATBOOK_BIN`, or else the one built in the workspace. */
export function binary(): string {
  const found = process.env["CHATBOOK_BIN"] ?? ["release", "debug"].map((kind) => join(ROOT, "target", kind, "chatbook")).find(existsSync);
  if (!found) throw new Error("no server to test: build it (cargo build --release) or set CHATBOOK_BIN");
  return found;
}

export async function startServer(): Promise<TestServer> {
  const program = binary();
  const data = mkdtempSync(join(tmpdir(), "chatbook-e2e-"));
  const listen = `127.0.0.1:${await freePort()}`;
  const url = `http://${listen}`;
  const config = join(ROOT, "examples", "open-test-server.toml");
  let child: ChildProcess | undefined;

  const server: TestServer = {
    url,
    async start() {
      const args = ["serve", "--listen", listen, "--data", data, ...(existsSync(config) ? ["--config", config] : [])];
      let output = "";
      // A group of its own, so that killing it takes whatever it started along.
      const started = spawn(program, args, { stdio: ["ignore", "pipe", "pipe"], detached: true });
      started.stdout.on("data", (chunk: Buffer) => (output += chunk.toString()));
      started.stderr.on("data", (chunk: Buffer) => (output += chunk.toString()));
      child = started;
      const deadline = Date.now() + START_TIMEOUT_MS;
      while (Date.now() < deadline) {
        if (started.exitCode !== null) throw new Error(`the server ended with ${started.exitCode}:\n${output}`);
        const answer = await fetch(`${url}/_matrix/client/versions`).catch(() => null);
        if (answer?.ok) return;
        await new Promise((wake) => setTimeout(wake, 100));
      }
      throw new Error(`the server did not answer in time:\n${output}`);
    },
    async kill() {
      const dying = child;
      child = undefined;
      if (!dying?.pid || dying.exitCode !== null) return;
      const gone = new Promise((done) => dying.once("exit", done));
      process.kill(-dying.pid, "SIGKILL");
      await gone;
    },
    async remove() {
      await server.kill();
      rmSync(data, { recursive: true, force: true });
    },
  };
  await server.start();
  return server;
}

function freePort(): Promise<number> {
  return new Promise((found, failed) => {
    const probe = createServer();
    probe.once("error", failed);
    probe.listen(0, "127.0.0.1", () => {
      const { port } = probe.address() as AddressInfo;
      probe.close(() => found(port));
    });
  });
}
