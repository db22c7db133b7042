/**
 * Where the reader is, kept apart from React and the DOM.
 *
 * The timeline draws a slice of its rows between two spacers. Rows that were never drawn have an estimated height,
 * so positions in pixels are provisional; what the reader sees is not. The keeper therefore remembers the place as
 * "this row stands so many pixels below the top edge" (or "at the end"), and answers with the scroll offset that
 * keeps it true after rows were added, removed or measured.
 */
export interface KeptRow {
  readonly key: string;
  /** Height in px to assume until the row has been measured. */
  readonly estimate: number;
  /** Day and unread marks move between messages, so they never hold the place. */
  readonly floating?: boolean;
}

export interface Slice {
  readonly start: number;
  readonly end: number;
  readonly padTop: number;
  readonly padBottom: number;
}

interface Anchor {
  readonly key: string;
  /** Distance from the viewport's top edge to the row's edge, px. */
  readonly offset: number;
  readonly edge: "top" | "bottom";
}

/** Closer to the end than this counts as being at the end, px. */
export const BOTTOM_SLACK_PX = 24;

export class ScrollKeeper {
  private rows: readonly KeptRow[] = [];
  private index = new Map<string, number>();
  private measured = new Map<string, number>();
  private tops: Float64Array = new Float64Array(1);
  private anchors: readonly Anchor[] = [];
  private stuck = true;
  private live = true;
  private scrollTop = 0;
  private viewport = 0;

  constructor(private readonly overscanPx = 800) {}

  get atBottom(): boolean {
    return this.stuck;
  }

  get total(): number {
    return this.tops[this.rows.length] ?? 0;
  }

  /** Short timelines stand at the bottom edge; this is the empty space above them. */
  get headroom(): number {
    return Math.max(0, this.viewport - this.total);
  }

  has(key: string): boolean {
    return this.index.has(key);
  }

  /** `live`: what is added at the end is new; otherwise it is the next page, and nobody is carried along with it. */
  setRows(rows: readonly KeptRow[], live = true): void {
    this.live = live;
    if (this.stuck && !live) this.moved(this.target());
    this.rows = rows;
    this.index = new Map(rows.map((row, i) => [row.key, i]));
    for (const key of this.measured.keys()) if (!this.index.has(key)) this.measured.delete(key);
    this.layout();
  }

  setViewport(height: number): void {
    this.viewport = height;
  }

  /** Returns whether any height changed. */
  measure(heights: Iterable<readonly [key: string, height: number]>): boolean {
    let changed = false;
    for (const [key, height] of heights) {
      if (!this.index.has(key) || this.measured.get(key) === height) continue;
      this.measured.set(key, height);
      changed = true;
    }
    if (changed) this.layout();
    return changed;
  }

  /** After a change of width every height is a guess again. */
  forgetHeights(): void {
    this.measured.clear();
    this.layout();
  }

  /** The reader (or the browser) moved to this offset: remember what stands there. */
  moved(scrollTop: number): void {
    this.scrollTop = scrollTop;
    this.stuck = this.live && this.total - this.viewport - scrollTop <= BOTTOM_SLACK_PX;
    this.anchors = this.visibleAnchors();
  }

  /** Go to the end and stay there. */
  stick(): void {
    this.stuck = true;
  }

  /** Hold this row so many pixels below the top edge. Returns false when the row is unknown. */
  hold(key: string, offset: number): boolean {
    if (!this.index.has(key)) return false;
    this.stuck = false;
    this.anchors = [{ key, offset, edge: "top" }];
    return true;
  }

  /** Hold a row in the middle of the viewport, or with its top visible when it is taller than that. */
  center(key: string): boolean {
    return this.hold(key, Math.max(16, (this.viewport - this.heightOf(key)) / 2));
  }

  /** The scroll offset that keeps the remembered place. */
  target(): number {
    const max = Math.max(0, this.total - this.viewport);
    if (this.stuck) return max;
    for (const anchor of this.anchors) {
      const i = this.index.get(anchor.key);
      if (i !== undefined) return clamp(this.top(anchor.edge === "top" ? i : i + 1) - anchor.offset, 0, max);
    }
    return clamp(this.scrollTop, 0, max);
  }

  /** The rows to draw when the viewport's top edge is at `scrollTop`. */
  slice(scrollTop: number): Slice {
    const start = this.rowAt(scrollTop - this.overscanPx);
    const end = Math.min(this.rows.length, this.rowAt(scrollTop + this.viewport + this.overscanPx) + 1);
    return { start, end, padTop: this.top(start), padBottom: this.total - this.top(end) };
  }

  /** Keys of the rows that intersect the viewport, top to bottom. */
  visible(scrollTop: number): readonly string[] {
    const out: string[] = [];
    for (let i = this.rowAt(scrollTop); i < this.rows.length && this.top(i) < scrollTop + this.viewport; i++) {
      const row = this.rows[i];
      if (row) out.push(row.key);
    }
    return out;
  }

  private visibleAnchors(): Anchor[] {
    const whole: Anchor[] = [];
    const partly: Anchor[] = [];
    for (let i = this.rowAt(this.scrollTop); i < this.rows.length; i++) {
      const row = this.rows[i];
      const offset = this.top(i) - this.scrollTop;
      if (!row || offset > this.viewport) break;
      if (row.floating) continue;
      // Held by its lower edge: when the row itself changes (it loses its name because older messages of the same
      // person load above it), what stands below it stays.
      (offset >= 0 ? whole : partly).push({ key: row.key, offset: this.top(i + 1) - this.scrollTop, edge: "bottom" });
    }
    return [...whole, ...partly];
  }

  private heightOf(key: string): number {
    const i = this.index.get(key);
    return i === undefined ? 0 : this.top(i + 1) - this.top(i);
  }

  private top(i: number): number {
    return this.tops[i] ?? 0;
  }

  private layout(): void {
    const tops = new Float64Array(this.rows.length + 1);
    let sum = 0;
    this.rows.forEach((row, i) => {
      sum += this.measured.get(row.key) ?? row.estimate;
      tops[i + 1] = sum;
    });
    this.tops = tops;
  }

  /** Index of the row that covers the offset, clamped to the first and last row. */
  private rowAt(offset: number): number {
    let low = 0;
    let high = Math.max(0, this.rows.length - 1);
    while (low < high) {
      const mid = (low + high + 1) >> 1;
      if (this.top(mid) <= offset) low = mid;
      else high = mid - 1;
    }
    return low;
  }
}

function clamp(value: number, min: number, max: number): number {
  return Math.min(max, Math.max(min, value));
}
