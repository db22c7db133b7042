import { Backoff } from "./connection";
import type { ConnectionStore } from "./connection";
import { jsonResponse } from "./frames";
import { StreamSocket } from "./StreamSocket";
import type { OpenSocket, SyncFrame } from "./StreamSocket";

export interface StreamAuth {
  fresh(): Promise<string>;
  renew(stale: string): Promise<boolean>;
}

interface SyncQuery {
  since: string;
  filter: string | null;
  timeoutMs: number;
  setPresence: string | null;
}

type Outcome = { kind: "frame"; frame: SyncFrame } | { kind: "quiet" } | { kind: "ended" };

/** The SDK gives a /sync up 80 s after its timeout; answer "nothing new" well before. */
const HOLD_MS = 60_000;
/** How long a server without the stream is left alone with it. */
const UNSUPPORTED_MS = 5 * 60_000;

/**
 * Answers the SDK's /sync requests: from the frames of one WebSocket where it connects, by
 * long-polling otherwise. A frame is handed out only to the request whose `since` is the token
 * before it, so nothing is skipped or given twice, whatever the SDK or the network does.
 */
export class SyncStream {
  socket: StreamSocket | null = null;
  /** The token of the last thing handed to the SDK on this socket. */
  private position = "";
  private filter: string | null = null;
  private presence: string | null = null;
  private frames: SyncFrame[] = [];
  private firstFrameSeen = false;
  private ackOwed = false;
  private wake: (() => void) | null = null;
  private lastEnd: { code: number; ready: boolean; refusedCode?: string; token: string } | null = null;
  private failedHandshakes = 0;
  private socketNotBefore = 0;
  readonly backoff: Backoff;

  constructor(
    private readonly url: string,
    private readonly open: OpenSocket | null,
    private readonly auth: StreamAuth,
    private readonly connection: ConnectionStore,
    private readonly poll: (url: URL, init: RequestInit) => Promise<Response>,
    random: () => number = Math.random,
  ) {
    this.backoff = new Backoff(10_000, random);
  }

  async sync(url: URL, init: RequestInit): Promise<Response> {
    const deadline = Date.now() + HOLD_MS;
    const { signal } = init;
    const query = parseQuery(url);
    while (!signal?.aborted) {
      const overSocket = query && this.socketAllowed() ? await this.syncOverSocket(query, signal) : null;
      if (overSocket === "again") continue;
      const answer = overSocket ?? (await this.syncByPoll(url, init));
      if (answer) return answer;
      // Nothing answers: that says nothing about whether the server has the stream.
      this.failedHandshakes = 0;
      this.connection.lost();
      if (Date.now() >= deadline) {
        if (!query) throw new TypeError("the server cannot be reached");
        return jsonResponse(200, { next_batch: query.since });
      }
      await this.backoff.sleep(signal);
    }
    throw new DOMException("aborted", "AbortError");
  }

  /** Ends the socket; the next /sync opens another one. */
  drop(): void {
    this.socket?.close();
  }

  private socketAllowed(): boolean {
    return this.open !== null && Date.now() >= this.socketNotBefore;
  }

  /** null: the socket cannot be had now, try HTTP. */
  private async syncOverSocket(query: SyncQuery, signal: AbortSignal | null | undefined): Promise<Response | "again" | null> {
    try {
      await this.connect(query);
    } catch {
      return null;
    }
    const outcome = await this.next(query.timeoutMs, signal);
    if (outcome.kind === "frame") {
      this.position = outcome.frame.next_batch;
      this.ackOwed = (outcome.frame.to_device?.events?.length ?? 0) > 0;
      this.backoff.reset();
      this.connection.online("socket");
      return jsonResponse(200, outcome.frame);
    }
    if (outcome.kind === "quiet") return jsonResponse(200, { next_batch: query.since });
    return this.afterEnd();
  }

  private async connect(query: SyncQuery): Promise<void> {
    const fits = this.socket && this.position === query.since && this.filter === query.filter;
    if (fits) {
      // The request for what follows a token says that everything before it was processed.
      if (this.ackOwed) this.socket?.call("ack", { next_batch: query.since }).catch(() => {});
      this.ackOwed = false;
      if (query.setPresence !== this.presence && query.setPresence) {
        this.socket?.call("presence", { presence: query.setPresence }).catch(() => {});
      }
      this.presence = query.setPresence;
      return;
    }
    this.socket?.close();
    const token = await this.auth.fresh();
    this.position = query.since;
    this.filter = query.filter;
    this.presence = query.setPresence;
    this.frames = [];
    this.firstFrameSeen = false;
    this.ackOwed = false;
    this.lastEnd = null;
    if (!this.open) return;
    const socket: StreamSocket = new StreamSocket(
      this.open(this.url, "m.json"),
      {
        access_token: token,
        since: query.since,
        ...(query.filter ? { filter: query.filter } : {}),
        set_presence: query.setPresence ?? "online",
      },
      {
        onFrame: (frame) => {
          if (this.socket !== socket) return;
          this.firstFrameSeen = true;
          this.failedHandshakes = 0;
          this.frames.push(frame);
          this.wake?.();
        },
        onEnd: ({ code, ready, refused }) => {
          if (this.socket !== socket) return;
          this.socket = null;
          this.lastEnd = { code, ready, token, ...(refused ? { refusedCode: refused.body.errcode } : {}) };
          this.wake?.();
        },
      },
    );
    this.socket = socket;
  }

  private next(timeoutMs: number, signal: AbortSignal | null | undefined): Promise<Outcome> {
    return new Promise((resolve) => {
      const started = Date.now();
      const look = (): void => {
        // What arrived before the end is still good.
        const frame = this.frames.shift();
        if (frame) return finish({ kind: "frame", frame });
        if (!this.socket || signal?.aborted) return finish({ kind: "ended" });
        const waited = Date.now() - started;
        if (this.firstFrameSeen && waited >= timeoutMs) return finish({ kind: "quiet" });
        if (waited >= HOLD_MS) return finish({ kind: "quiet" });
      };
      const finish = (outcome: Outcome): void => {
        clearInterval(timer);
        signal?.removeEventListener("abort", look);
        this.wake = null;
        resolve(outcome);
      };
      const timer = setInterval(look, Math.max(50, Math.min(timeoutMs, 1_000)));
      signal?.addEventListener("abort", look);
      this.wake = look;
      look();
    });
  }

  private async afterEnd(): Promise<Response | "again" | null> {
    const end = this.lastEnd;
    if (!end) return null;
    if (end.refusedCode === "M_UNKNOWN_TOKEN" || end.code === 4401) {
      const renewed = await this.auth.renew(end.token).catch(() => true);
      if (!renewed) return jsonResponse(401, { errcode: "M_UNKNOWN_TOKEN", error: "Signed out", soft_logout: false });
    } else if (end.code === 4400 || end.code === 1009 || end.refusedCode) {
      this.socketNotBefore = Date.now() + UNSUPPORTED_MS;
    } else if (!end.ready) {
      // It never connected: perhaps a proxy without upgrades, or a server without the stream.
      this.failedHandshakes++;
      return null;
    }
    this.connection.lost();
    await this.backoff.sleep();
    return "again";
  }

  /** undefined: not reached. */
  private async syncByPoll(url: URL, init: RequestInit): Promise<Response | undefined> {
    // While the way is unknown, ask for a quick answer: it shows whether plain HTTP gets through.
    const asked = new URL(url);
    if (asked.searchParams.has("since")) asked.searchParams.set("timeout", String(this.pollTimeoutMs(asked)));
    let response: Response;
    try {
      response = await this.poll(asked, init);
    } catch (error) {
      if ((error as Error).name === "AbortError") throw error;
      return undefined;
    }
    if (response.status >= 502 && response.status <= 504) return undefined;
    if (response.ok) {
      this.backoff.reset();
      this.connection.online("poll");
      // HTTP works and the socket does not: try it again later, ever more rarely.
      if (this.failedHandshakes > 0) {
        this.socketNotBefore = Date.now() + Math.min(UNSUPPORTED_MS, 2_000 * 4 ** (this.failedHandshakes - 1));
      }
    }
    return response;
  }

  /** A long poll must not keep the socket from being tried again. */
  private pollTimeoutMs(url: URL): number {
    if (this.connection.get().state !== "online") return 0;
    const wanted = Number(url.searchParams.get("timeout") ?? 0);
    const untilSocket = this.open ? Math.max(1_000, this.socketNotBefore - Date.now()) : wanted;
    return Math.min(wanted, untilSocket);
  }
}

/** undefined for what only HTTP can answer: the initial sync and full state. */
function parseQuery(url: URL): SyncQuery | undefined {
  const params = url.searchParams;
  const since = params.get("since");
  if (!since || params.get("full_state") === "true") return undefined;
  return {
    since,
    filter: params.get("filter"),
    timeoutMs: Number(params.get("timeout") ?? 0),
    setPresence: params.get("set_presence"),
  };
}
