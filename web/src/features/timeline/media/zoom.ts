/** How a picture lies in the viewer: its zoom, and how far its centre is from the stage's, in CSS pixels. */

export interface Place {
  readonly zoom: number;
  readonly x: number;
  readonly y: number;
}

export interface Point {
  readonly x: number;
  readonly y: number;
}

export const MAX_ZOOM = 8;
export const FITTED: Place = { zoom: 1, x: 0, y: 0 };

/** Zooms so that what lies under `at` (measured from the stage's centre) stays there. */
export function zoomAt(place: Place, factor: number, at: Point = { x: 0, y: 0 }): Place {
  const zoom = Math.min(MAX_ZOOM, Math.max(1, place.zoom * factor));
  if (zoom === 1) return FITTED;
  const grown = zoom / place.zoom;
  return { zoom, x: at.x - (at.x - place.x) * grown, y: at.y - (at.y - place.y) * grown };
}

/** Moves, but never so far that the picture leaves a stage of this size. */
export function moveBy(place: Place, dx: number, dy: number, stage: { width: number; height: number }): Place {
  const far = (size: number): number => (size * (place.zoom - 1)) / 2;
  const within = (value: number, limit: number): number => Math.min(limit, Math.max(-limit, value));
  return { zoom: place.zoom, x: within(place.x + dx, far(stage.width)), y: within(place.y + dy, far(stage.height)) };
}

const SWIPE_PX = 60;

/** What a finger's way across an unzoomed picture asks for. */
export function swipeOf(dx: number, dy: number): "previous" | "next" | "close" | undefined {
  if (Math.abs(dx) > SWIPE_PX && Math.abs(dx) > 1.5 * Math.abs(dy)) return dx > 0 ? "previous" : "next";
  return dy > 1.5 * SWIPE_PX && dy > 1.5 * Math.abs(dx) ? "close" : undefined;
}
