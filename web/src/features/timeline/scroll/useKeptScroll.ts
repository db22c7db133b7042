import { useLayoutEffect, useRef, useState } from "react";
import type { RefObject } from "react";
import { ScrollController, type ControllerOptions, type Frame } from "./ScrollController";
import type { KeptRow } from "./ScrollKeeper";

export interface KeptScroll<Row extends KeptRow> {
  readonly scroller: RefObject<HTMLDivElement | null>;
  readonly content: RefObject<HTMLDivElement | null>;
  readonly frame: Frame<Row>;
  readonly controller: ScrollController<Row>;
}

const BLANK = { rows: [], start: 0, end: 0, padTop: 0, padBottom: 0, headroom: 0, atBottom: true, unseen: 0 };

/** A scroller that draws only what is near the viewport and never loses the reader's place. */
export function useKeptScroll<Row extends KeptRow>(
  rows: readonly Row[],
  live: boolean,
  options: ControllerOptions<Row>,
): KeptScroll<Row> {
  const scroller = useRef<HTMLDivElement>(null);
  const content = useRef<HTMLDivElement>(null);
  const [frame, setFrame] = useState<Frame<Row>>(BLANK);
  const [controller] = useState(() => new ScrollController<Row>(setFrame));

  useLayoutEffect(() => {
    controller.listen(options);
  });
  useLayoutEffect(() => {
    if (!scroller.current || !content.current) return;
    return controller.attach(scroller.current, content.current);
  }, [controller]);
  useLayoutEffect(() => controller.setRows(rows, live), [controller, rows, live]);
  useLayoutEffect(() => controller.committed(frame), [controller, frame]);

  return { scroller, content, frame, controller };
}
