/** Joins the keeper to the DOM: measures what is drawn, sets the scroll offset, and says which rows to draw. */
import { flushSync } from "react-dom";
import { ScrollKeeper, type KeptRow, type Slice } from "./ScrollKeeper";

export interface Frame<Row extends KeptRow> extends Slice {
  readonly rows: readonly Row[];
  /** Empty space above a timeline that is shorter than the viewport. */
  readonly headroom: number;
  readonly atBottom: boolean;
  /** Rows that came below the viewport and were not looked at yet. */
  readonly unseen: number;
}

export interface ControllerOptions<Row extends KeptRow> {
  /** Near the first or last row: time to load more. */
  readonly onNear: (which: "start" | "end") => void;
  /** The last row the reader can see. */
  readonly onSeen: (row: Row) => void;
  readonly countsAsNew: (row: Row) => boolean;
}

const LOAD_MARGIN_PX = 2400;
const GLIDE_MS = 180;

export class ScrollController<Row extends KeptRow> {
  private readonly keeper = new ScrollKeeper();
  private scroller: HTMLElement | undefined;
  private content: HTMLElement | undefined;
  private readonly resized = new ResizeObserver(() => {
    // When the viewport grows the browser may have moved the offset itself; that is no reader's move.
    if (this.scroller?.clientHeight === this.height) this.noteMove();
    // What grew or shrank is drawn and placed before the browser paints it.
    flushSync(() => this.settle());
  });
  private observed = new WeakSet<Element>();
  private fresh: Element[] = [];
  private rows: readonly Row[] = [];
  /** What was asked of the view, and what it has drawn: offsets are only meaningful while they are the same. */
  private frame: Frame<Row> = { rows: [], start: 0, end: 0, padTop: 0, padBottom: 0, headroom: 0, atBottom: true, unseen: 0 };
  private drawn = this.frame;
  private width = 0;
  private height = 0;
  /** The offset as last seen or set here; another one means that the reader has scrolled. */
  private known = 0;
  private seenThrough: string | undefined;
  private glide = false;
  private landing: { readonly key: string; readonly flash: boolean } | undefined;
  private hadFocus = false;

  private options: ControllerOptions<Row> | undefined;

  constructor(private readonly onFrame: (frame: Frame<Row>) => void) {}

  /** What the view wants to be told; given again whenever the view is drawn. */
  listen(options: ControllerOptions<Row>): void {
    this.options = options;
  }

  attach(scroller: HTMLElement, content: HTMLElement): () => void {
    this.scroller = scroller;
    this.content = content;
    this.observed = new WeakSet();
    scroller.addEventListener("scroll", this.onScroll, { passive: true });
    this.resized.observe(scroller);
    this.settle();
    return () => {
      scroller.removeEventListener("scroll", this.onScroll);
      this.resized.disconnect();
      this.scroller = this.content = undefined;
    };
  }

  /** `live`: the last row is the newest there is, so a reader at the end follows it. */
  setRows(rows: readonly Row[], live: boolean): void {
    if (rows === this.rows) return;
    // The browser tells of scrolling only with the next frame; until then the place is still the one before.
    this.noteMove();
    const last = this.rows.at(-1)?.key;
    // A message that arrives at the end glides in; anything else must not move at all.
    this.glide = this.keeper.atBottom && last !== undefined && rows.at(-1)?.key !== last && this.frame.end > 0;
    this.rows = rows;
    this.keeper.setRows(rows, live);
    this.draw();
  }

  /** Call after every commit with what was drawn: it is measured, and the place restored before the browser paints. */
  committed(frame: Frame<Row>): void {
    this.drawn = frame;
    // The focused row was scrolled out of what is drawn; the scrolling keys must go on working.
    if (this.hadFocus && document.activeElement === document.body) this.scroller?.focus({ preventScroll: true });
    this.settle();
  }

  private settle(): void {
    const { scroller, content } = this;
    if (!scroller || !content) return;
    this.readViewport(scroller);
    this.keeper.measure(this.heights(content));
    this.draw();
    // The commit that is on its way places it.
    if (this.drawn !== this.frame) return;
    const target = this.keeper.target();
    const from = scroller.scrollTop;
    if (Math.abs(from - target) >= 0.5) {
      scroller.scrollTop = target;
      if (this.glide) this.animate(content, target - from);
    }
    this.known = scroller.scrollTop;
    this.glide = false;
    this.land();
    this.report();
  }

  toEnd(): void {
    this.keeper.stick();
    this.settle();
  }

  /** Brings a row into view: with a flash to the middle, where the eye is drawn to it; else near the top. */
  show(key: string, flash: boolean): void {
    const known = flash ? this.keeper.center(key) : this.keeper.hold(key, 72);
    if (!known) return;
    this.landing = { key, flash };
    this.settle();
  }

  private land(): void {
    const { landing } = this;
    if (!landing) return;
    this.landing = undefined;
    // It may stand so low that its place turns out to be the end.
    this.keeper.moved(this.known);
    if (!landing.flash) return;
    const row = this.element(landing.key);
    row?.animate?.([{ backgroundColor: "transparent" }, { backgroundColor: "var(--accent-soft)", offset: 0.2 }, { backgroundColor: "transparent" }], { duration: 1600 });
    // The keyboard and the screen reader come along.
    row?.querySelector<HTMLElement>("[role=article]")?.focus({ preventScroll: true });
  }

  element(key: string): HTMLElement | undefined {
    const found = [...(this.content?.children ?? [])].find((el) => el instanceof HTMLElement && el.dataset.key === key);
    return found as HTMLElement | undefined;
  }

  private readonly onScroll = (): void => {
    const { scroller } = this;
    if (!scroller) return;
    if (scroller.clientHeight !== this.height) return this.settle();
    if (!this.noteMove()) return;
    // Drawn within the scroll event: a later commit could meet a newer offset and undo it.
    if (!flushSync(() => this.draw())) this.report();
  };

  private noteMove(): boolean {
    const top = this.scroller?.scrollTop ?? this.known;
    if (Math.abs(top - this.known) < 1) return false;
    this.known = top;
    this.keeper.moved(top);
    return true;
  }

  private readViewport(scroller: HTMLElement): void {
    const { clientWidth, clientHeight } = scroller;
    if (this.width !== 0 && clientWidth !== this.width) this.keeper.forgetHeights();
    this.width = clientWidth;
    this.height = clientHeight;
    this.keeper.setViewport(clientHeight);
  }

  private heights(content: HTMLElement): [string, number][] {
    const out: [string, number][] = [];
    for (const child of content.children) {
      if (!(child instanceof HTMLElement) || child.dataset.key === undefined) continue;
      if (!this.observed.has(child)) this.observe(child);
      out.push([child.dataset.key, child.getBoundingClientRect().height]);
    }
    return out;
  }

  /** A row is measured when it is drawn; what is observed from the next frame on is whether it changes. */
  private observe(row: Element): void {
    this.observed.add(row);
    if (this.fresh.push(row) > 1) return;
    requestAnimationFrame(() => {
      if (this.scroller) this.fresh.forEach((element) => element.isConnected && this.resized.observe(element));
      this.fresh = [];
    });
  }

  /** Publishes a frame when the rows to draw have changed. */
  private draw(): boolean {
    const slice = this.keeper.slice(this.keeper.target());
    const next: Frame<Row> = {
      ...slice,
      rows: this.rows,
      headroom: this.keeper.headroom,
      atBottom: this.keeper.atBottom,
      unseen: this.unseen(),
    };
    const now = this.frame;
    const same = (Object.keys(next) as (keyof Frame<Row>)[]).every((key) => next[key] === now[key]);
    if (same) return false;
    this.frame = next;
    this.hadFocus = this.scroller?.contains(document.activeElement) ?? false;
    this.onFrame(next);
    return true;
  }

  private report(): void {
    const { scroller, options } = this;
    if (!scroller || !options || this.rows.length === 0) return;
    const visible = this.keeper.visible(scroller.scrollTop);
    const last = this.rows.findLast((row) => row.key === visible.at(-1));
    if (last) {
      options.onSeen(last);
      const before = this.rows.findIndex((row) => row.key === this.seenThrough);
      if (this.rows.indexOf(last) > before) this.seenThrough = last.key;
      this.draw();
    }
    if (scroller.scrollTop < LOAD_MARGIN_PX) options.onNear("start");
    if (this.keeper.total - scroller.scrollTop - this.height < LOAD_MARGIN_PX) options.onNear("end");
  }

  private unseen(): number {
    const { options } = this;
    if (this.keeper.atBottom || !options) return 0;
    const from = this.rows.findIndex((row) => row.key === this.seenThrough);
    return from < 0 ? 0 : this.rows.slice(from + 1).filter((row) => options.countsAsNew(row)).length;
  }

  private animate(content: HTMLElement, distance: number): void {
    if (distance <= 0 || distance > this.height / 2 || matchMedia("(prefers-reduced-motion: reduce)").matches) return;
    content.animate?.([{ transform: `translateY(${distance}px)` }, { transform: "none" }], {
      duration: GLIDE_MS,
      easing: "cubic-bezier(.2, .8, .2, 1)",
    });
  }
}
