import { useRef, useState } from "react";
import type { PointerEvent, WheelEvent } from "react";
import { FITTED, moveBy, swipeOf, zoomAt, type Place, type Point } from "./zoom";

interface Gesture {
  readonly place: Place;
  readonly zoomBy: (factor: number) => void;
  readonly toggleZoom: (at?: { clientX: number; clientY: number; currentTarget: Element }) => void;
  readonly fit: () => void;
  /** For the stage around the picture. */
  readonly handlers: {
    onWheel: (event: WheelEvent) => void;
    onPointerDown: (event: PointerEvent) => void;
    onPointerMove: (event: PointerEvent) => void;
    onPointerUp: (event: PointerEvent) => void;
    onPointerCancel: (event: PointerEvent) => void;
  };
}

/** Zooming and moving: wheel and drag with a mouse; pinch, drag and swipe with fingers. */
export function usePlace(enabled: boolean, onSwipe: (way: "previous" | "next" | "close") => void): Gesture {
  const [place, setPlace] = useState(FITTED);
  const down = useRef(new Map<number, Point>());
  const swipe = useRef<Point>(undefined);

  const fromCentre = (stage: Element, x: number, y: number): Point => {
    const box = stage.getBoundingClientRect();
    return { x: x - box.left - box.width / 2, y: y - box.top - box.height / 2 };
  };
  const end = (event: PointerEvent): void => {
    down.current.delete(event.pointerId);
    const from = swipe.current;
    swipe.current = undefined;
    if (!from || event.type !== "pointerup") return;
    const way = swipeOf(event.clientX - from.x, event.clientY - from.y);
    if (way) onSwipe(way);
  };
  const handlers: Gesture["handlers"] = {
    onWheel: (event) => {
      if (!enabled) return;
      const at = fromCentre(event.currentTarget, event.clientX, event.clientY);
      setPlace((now) => zoomAt(now, event.deltaY < 0 ? 1.15 : 1 / 1.15, at));
    },
    onPointerDown: (event) => {
      if (event.button !== 0) return;
      down.current.set(event.pointerId, { x: event.clientX, y: event.clientY });
      swipe.current = event.pointerType === "touch" && down.current.size === 1 && place.zoom === 1 ? { x: event.clientX, y: event.clientY } : undefined;
      if (enabled && (place.zoom > 1 || event.pointerType === "touch")) event.currentTarget.setPointerCapture?.(event.pointerId);
    },
    onPointerMove: (event) => {
      const before = down.current.get(event.pointerId);
      if (!before || !enabled) return;
      const now = { x: event.clientX, y: event.clientY };
      down.current.set(event.pointerId, now);
      const stage = event.currentTarget;
      const box = stage.getBoundingClientRect();
      const other = [...down.current].find(([id]) => id !== event.pointerId)?.[1];
      if (!other) return setPlace((placed) => moveBy(placed, now.x - before.x, now.y - before.y, box));
      const factor = Math.hypot(now.x - other.x, now.y - other.y) / Math.max(1, Math.hypot(before.x - other.x, before.y - other.y));
      const middle = fromCentre(stage, (now.x + other.x) / 2, (now.y + other.y) / 2);
      setPlace((placed) => zoomAt(placed, factor, middle));
    },
    onPointerUp: end,
    onPointerCancel: end,
  };
  return {
    place,
    zoomBy: (factor) => setPlace((now) => zoomAt(now, factor)),
    toggleZoom: (event) => {
      const at = event && fromCentre(event.currentTarget, event.clientX, event.clientY);
      setPlace((now) => (now.zoom > 1 ? FITTED : zoomAt(now, 2.5, at)));
    },
    fit: () => setPlace(FITTED),
    handlers,
  };
}
