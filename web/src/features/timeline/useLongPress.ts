import { useMemo, useRef } from "react";
import type { PointerEvent } from "react";

const HOLD_MS = 450;
const SLIP_PX = 10;

interface PressHandlers {
  onPointerDown: (event: PointerEvent) => void;
  onPointerMove: (event: PointerEvent) => void;
  onPointerUp: () => void;
  onPointerCancel: () => void;
}

/** A finger held still. Scrolling or lifting ends it. */
export function useLongPress(onHold: () => void): PressHandlers {
  const state = useRef<{ timer: ReturnType<typeof setTimeout>; x: number; y: number }>(undefined);
  return useMemo(() => {
    const end = (): void => {
      clearTimeout(state.current?.timer);
      state.current = undefined;
    };
    return {
      onPointerDown: (event) => {
        if (event.pointerType !== "touch") return;
        end();
        const target = event.currentTarget as HTMLElement;
        const timer = setTimeout(() => {
          navigator.vibrate?.(10);
          target.focus({ preventScroll: true });
          onHold();
        }, HOLD_MS);
        state.current = { timer, x: event.clientX, y: event.clientY };
      },
      onPointerMove: (event) => {
        const from = state.current;
        if (from && Math.hypot(event.clientX - from.x, event.clientY - from.y) > SLIP_PX) end();
      },
      onPointerUp: end,
      onPointerCancel: end,
    };
  }, [onHold]);
}
