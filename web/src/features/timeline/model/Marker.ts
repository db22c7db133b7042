/** Tells the server how far the reader has read: forwards only, at most once per interval, never for local echoes. */

export interface Markable {
  readonly id: string;
  /** Grows towards the newest; the same for events of the same millisecond. */
  readonly order: number;
}

const INTERVAL_MS = 1000;

export class Marker {
  private sent: Markable = { id: "", order: -Infinity };
  private waiting: Markable | undefined;
  private timer: ReturnType<typeof setTimeout> | undefined;
  private lastAt = -Infinity;

  constructor(
    private readonly send: (id: string) => Promise<unknown>,
    private readonly now: () => number,
  ) {}

  /** Everything up to here was read before, on this device or another. */
  startAt(point: Markable): void {
    if (point.order >= this.sent.order) this.sent = point;
  }

  mark(point: Markable): void {
    if (!isAfter(point, this.sent) || (this.waiting && !isAfter(point, this.waiting))) return;
    this.waiting = point;
    this.timer ??= setTimeout(() => this.flush(), Math.max(0, this.lastAt + INTERVAL_MS - this.now()));
  }

  stop(): void {
    clearTimeout(this.timer);
    if (this.timer !== undefined) this.flush();
  }

  private flush(): void {
    this.timer = undefined;
    const point = this.waiting;
    this.waiting = undefined;
    if (!point) return;
    const before = this.sent;
    this.sent = point;
    this.lastAt = this.now();
    this.send(point.id).catch(() => {
      // Not told: the next message that is read tries again.
      if (this.sent === point) this.sent = before;
    });
  }
}

function isAfter(a: Markable, b: Markable): boolean {
  return a.order >= b.order && a.id !== b.id;
}
