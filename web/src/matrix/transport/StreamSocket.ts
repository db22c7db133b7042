/** The part of WebSocket that is used; tests bring their own. */
export interface SocketLike {
  send(text: string): void;
  close(code?: number, reason?: string): void;
  onopen: (() => void) | null;
  onmessage: ((event: { data: unknown }) => void) | null;
  onclose: ((event: { code: number }) => void) | null;
  onerror: (() => void) | null;
}

export type OpenSocket = (url: string, protocol: string) => SocketLike;

/** The server's definite no to one frame. */
export class RpcError extends Error {
  override readonly name = "RpcError";
  constructor(readonly body: { errcode: string; error?: string; retry_after_ms?: number }) {
    super(body.error ?? body.errcode);
  }
}

/** The connection ended before the answer: the outcome is unknown. */
export class LostError extends Error {
  override readonly name = "LostError";
}

export interface SyncFrame {
  next_batch: string;
  to_device?: { events?: unknown[] };
  [key: string]: unknown;
}

export interface StreamEvents {
  onFrame(frame: SyncFrame): void;
  /** Once, whatever happened. `ready`: it had been authenticated. */
  onEnd(end: { code: number; ready: boolean; refused?: RpcError }): void;
}

const OPEN_TIMEOUT_MS = 8_000;
const CALL_TIMEOUT_MS = 30_000;
const PING_EVERY_MS = 25_000;
const PING_TIMEOUT_MS = 8_000;

interface Pending {
  resolve(result: unknown): void;
  reject(error: Error): void;
  timer: ReturnType<typeof setTimeout>;
}

/** One WebSocket connection from its opening to its end: authentication, calls, sync frames, heartbeat. */
export class StreamSocket {
  ready = false;
  private ended = false;
  private lastId = 0;
  private lastHeard = Date.now();
  private readonly pending = new Map<string, Pending>();
  private readonly heartbeat: ReturnType<typeof setInterval>;
  private readonly opening: ReturnType<typeof setTimeout>;
  private refused: RpcError | undefined;

  constructor(
    private readonly socket: SocketLike,
    auth: Record<string, unknown>,
    private readonly events: StreamEvents,
  ) {
    socket.onopen = () => {
      this.call("auth", auth, OPEN_TIMEOUT_MS).then(
        () => {
          this.ready = true;
          clearTimeout(this.opening);
        },
        (error: unknown) => {
          if (error instanceof RpcError) this.refused = error;
          this.end(this.refused?.body.errcode === "M_UNKNOWN_TOKEN" ? 4401 : 4400);
        },
      );
    };
    socket.onmessage = (event) => this.receive(event.data);
    socket.onclose = (event) => this.end(event.code);
    socket.onerror = () => {};
    this.opening = setTimeout(() => this.end(1006), OPEN_TIMEOUT_MS);
    this.heartbeat = setInterval(() => {
      if (this.ready && Date.now() - this.lastHeard >= PING_EVERY_MS) this.check();
    }, PING_EVERY_MS);
  }

  /** Rejects with RpcError (a definite no) or LostError (unknown outcome). */
  call(method: string, params: Record<string, unknown>, timeoutMs = CALL_TIMEOUT_MS): Promise<unknown> {
    if (this.ended) return Promise.reject(new LostError("closed"));
    const id = String(++this.lastId);
    return new Promise((resolve, reject) => {
      // A server that does not answer a frame will not answer the next one either.
      const timer = setTimeout(() => this.end(4000), timeoutMs);
      this.pending.set(id, { resolve, reject, timer });
      try {
        this.socket.send(JSON.stringify({ id, method, params }));
      } catch {
        this.end(1006);
      }
    });
  }

  /** Asks for a sign of life; a dead connection ends within seconds instead of minutes. */
  check(): void {
    if (this.ready) this.call("ping", {}, PING_TIMEOUT_MS).catch(() => {});
  }

  close(): void {
    this.end(1000);
  }

  private receive(data: unknown): void {
    if (this.ended || typeof data !== "string") return;
    this.lastHeard = Date.now();
    let frame: Record<string, unknown>;
    try {
      frame = JSON.parse(data) as Record<string, unknown>;
    } catch {
      return this.end(4400);
    }
    if (typeof frame["id"] !== "string") {
      if (typeof frame["next_batch"] === "string") this.events.onFrame(frame as SyncFrame);
      return;
    }
    const call = this.pending.get(frame["id"]);
    if (!call) return;
    this.pending.delete(frame["id"]);
    clearTimeout(call.timer);
    const error = frame["error"] as RpcError["body"] | undefined;
    if (error) call.reject(new RpcError(error));
    else call.resolve(frame["result"] ?? {});
  }

  private end(code: number): void {
    if (this.ended) return;
    this.ended = true;
    clearTimeout(this.opening);
    clearInterval(this.heartbeat);
    const ready = this.ready;
    this.ready = false;
    this.socket.onopen = this.socket.onmessage = this.socket.onclose = null;
    try {
      this.socket.close(1000);
    } catch {
      // Already gone.
    }
    for (const call of this.pending.values()) {
      clearTimeout(call.timer);
      call.reject(new LostError(`closed with ${code}`));
    }
    this.pending.clear();
    this.events.onEnd({ code, ready, ...(this.refused ? { refused: this.refused } : {}) });
  }
}
