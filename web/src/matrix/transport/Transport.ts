import { Backoff, ConnectionStore } from "./connection";
import { frameOf, jsonResponse, statusOf } from "./frames";
import type { Frame } from "./frames";
import { RpcError } from "./StreamSocket";
import type { OpenSocket } from "./StreamSocket";
import { SyncStream } from "./SyncStream";

export interface TransportOptions {
  /** The address of the server, without a path. */
  baseUrl: string;
  tokens: {
    readonly token: string;
    fresh(): Promise<string>;
    renew(stale: string): Promise<boolean>;
  };
  fetch?: typeof globalThis.fetch;
  /** null: never use the WebSocket. */
  openSocket?: OpenSocket | null;
  random?: () => number;
}

const SYNC = "/_matrix/client/v3/sync";
const STREAM = "/_matrix/client/unstable/org.chatbook.stream";
/** A send that found no way out for so long is reported as failed, and can be retried by hand. */
const GIVE_UP_MS = 10 * 60_000;

/**
 * The `fetch` given to matrix-js-sdk. Syncing and sending go over one WebSocket where it connects;
 * everything else, and everything while it does not, is plain HTTP. What is safe to repeat is
 * repeated under its transaction id until the server has answered, over whichever way is open,
 * so an unknown outcome becomes neither a lost nor a doubled message.
 */
export class Transport {
  readonly connection = new ConnectionStore();
  private readonly stream: SyncStream;
  private readonly http: typeof globalThis.fetch;
  private readonly backoff: Backoff;

  constructor(private readonly options: TransportOptions) {
    this.http = options.fetch ?? ((input, init) => globalThis.fetch(input, init));
    this.backoff = new Backoff(5_000, options.random);
    const open = options.openSocket === undefined ? openBrowserSocket : options.openSocket;
    this.stream = new SyncStream(
      new URL(STREAM, options.baseUrl).href.replace(/^http/, "ws"),
      open,
      options.tokens,
      this.connection,
      (url, init) => this.authorised(url, init),
      options.random,
    );
    this.connection.subscribe(() => {
      if (this.connection.get().state === "online") this.backoff.wake();
    });
  }

  /** Has the shape of the global `fetch`. */
  readonly fetch = async (input: RequestInfo | URL, init: RequestInit = {}): Promise<Response> => {
    const url = new URL(input instanceof Request ? input.url : input, this.options.baseUrl);
    if (url.origin !== new URL(this.options.baseUrl).origin || !hasToken(init)) return this.http(input, init);
    const method = (init.method ?? "GET").toUpperCase();
    if (method === "GET" && url.pathname === SYNC) return this.stream.sync(url, init);
    const frame = method === "GET" ? undefined : frameOf(method, url, init.body);
    return frame ? this.deliver(frame, url, init) : this.authorised(url, init);
  };

  /** Looks at the connection now: the network or the tab came back, or the person pressed "Try now". */
  checkNow(): void {
    this.stream.socket?.check();
    this.stream.backoff.wake();
    this.backoff.wake();
  }

  close(): void {
    this.stream.drop();
  }

  private async deliver(frame: Frame, url: URL, init: RequestInit): Promise<Response> {
    const { signal } = init;
    const giveUp = Date.now() + GIVE_UP_MS;
    while (!signal?.aborted) {
      const answer = await this.attempt(frame, url, init);
      if (answer) {
        this.backoff.reset();
        return answer;
      }
      if (frame.whenLost === "drop") return jsonResponse(200, {});
      if (Date.now() >= giveUp) throw new TypeError("the server cannot be reached");
      await this.backoff.sleep(signal);
    }
    throw new DOMException("aborted", "AbortError");
  }

  /** undefined: the outcome is unknown. */
  private async attempt(frame: Frame, url: URL, init: RequestInit): Promise<Response | undefined> {
    const { socket } = this.stream;
    if (socket?.ready) {
      try {
        return jsonResponse(200, await socket.call(frame.method, frame.params));
      } catch (error) {
        if (!(error instanceof RpcError)) return undefined;
        const { errcode } = error.body;
        // The token expired under an open socket: HTTP renews it.
        if (errcode !== "M_UNKNOWN_TOKEN") return jsonResponse(statusOf(errcode), error.body);
      }
    }
    try {
      const response = await this.authorised(url, init);
      return response.status >= 502 && response.status <= 504 ? undefined : response;
    } catch (error) {
      if ((error as Error).name === "AbortError") throw error;
      return undefined;
    }
  }

  /** Plain HTTP with the current token; renews it once when the server no longer knows it. */
  private async authorised(url: URL, init: RequestInit): Promise<Response> {
    const { tokens } = this.options;
    const token = await tokens.fresh().catch(() => tokens.token);
    const response = await this.http(url, withToken(init, token));
    if (response.status !== 401) return response;
    const body = (await response
      .clone()
      .json()
      .catch(() => ({}))) as { errcode?: string };
    if (body.errcode !== "M_UNKNOWN_TOKEN" || !(await tokens.renew(token))) return response;
    return this.http(url, withToken(init, tokens.token));
  }
}

function hasToken(init: RequestInit): boolean {
  return new Headers(init.headers).has("Authorization");
}

function withToken(init: RequestInit, token: string): RequestInit {
  const headers = new Headers(init.headers);
  headers.set("Authorization", `Bearer ${token}`);
  return { ...init, headers };
}

function openBrowserSocket(url: string, protocol: string): ReturnType<OpenSocket> {
  return new WebSocket(url, protocol) as unknown as ReturnType<OpenSocket>;
}
