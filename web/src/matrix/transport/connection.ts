export type ConnectionState = "connecting" | "online" | "reconnecting" | "offline";

export interface Connection {
  state: ConnectionState;
  /** What carries the traffic now. */
  via: "socket" | "poll" | null;
}

/** Whether the server is reached, for the bar that says so and for sends that wait. */
export class ConnectionStore {
  private current: Connection = { state: "connecting", via: null };
  private readonly listeners = new Set<() => void>();

  readonly get = (): Connection => this.current;

  readonly subscribe = (listener: () => void): (() => void) => {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  };

  online(via: "socket" | "poll"): void {
    this.set({ state: "online", via });
  }

  /** Nothing was ever reached, or it was and is lost. */
  lost(): void {
    const offline = globalThis.navigator?.onLine === false;
    const never = this.current.state === "connecting";
    this.set({ state: offline ? "offline" : never ? "connecting" : "reconnecting", via: null });
  }

  private set(next: Connection): void {
    if (next.state === this.current.state && next.via === this.current.via) return;
    this.current = next;
    this.listeners.forEach((listener) => listener());
  }
}

/**
 * Waits between tries: grows from about half a second to `maxMs`, with full jitter so that a
 * restarted server is not met by everybody at once. `wake` ends the wait early.
 */
export class Backoff {
  private attempt = 0;
  private readonly sleepers = new Set<() => void>();

  constructor(
    private readonly maxMs = 10_000,
    private readonly random: () => number = Math.random,
  ) {}

  reset(): void {
    this.attempt = 0;
  }

  wake(): void {
    this.sleepers.forEach((wake) => wake());
  }

  nextDelayMs(): number {
    const ceiling = Math.min(this.maxMs, 500 * 2 ** this.attempt++);
    return 100 + this.random() * (ceiling - 100);
  }

  sleep(signal?: AbortSignal | null, ms = this.nextDelayMs()): Promise<void> {
    return new Promise((resolve) => {
      const done = (): void => {
        clearTimeout(timer);
        this.sleepers.delete(done);
        signal?.removeEventListener("abort", done);
        resolve();
      };
      const timer = setTimeout(done, ms);
      this.sleepers.add(done);
      signal?.addEventListener("abort", done);
    });
  }
}
