import { useMemo, useRef } from "react";
import type { MouseEvent, PointerEvent } from "react";

const HOLD_MS = 450;
const SLIP_PX = 10;

interface PressHandlers {
  onPointerDown: (event: PointerEvent) => void;
  onPointerMove: (event: PointerEvent) => void;
  onPointerUp: () => void;
  onPointerCancel: () => void;
  onClickCapture: (event: MouseEvent) => void;
  onContextMenu: (event: MouseEvent) => void;
}

/** A finger held still. Scrolling or lifting ends it. */
export function useLongPress(onHold: () => void): PressHandlers {
  const state = useRef<{ timer: ReturnType<typeof setTimeout>; x: number; y: number }>(undefined);
  const held = useRef(false);
  const finger = useRef(false);
  return useMemo(() => {
    const end = (): void => {
      clearTimeout(state.current?.timer);
      state.current = undefined;
    };
    return {
      onPointerDown: (event) => {
        finger.current = event.pointerType === "touch";
        held.current = false;
        end();
        if (!finger.current) return;
        const target = event.currentTarget as HTMLElement;
        const timer = setTimeout(() => {
          held.current = true;
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
      onPointerUp: () => {
        end();
        // The click of this press comes at once; any later one is meant.
        setTimeout(() => (held.current = false), 50);
      },
      onPointerCancel: end,
      onClickCapture: (event) => {
        // Lifting the finger after the hold is no press of what lies under it.
        if (!held.current) return;
        held.current = false;
        event.preventDefault();
        event.stopPropagation();
      },
      onContextMenu: (event) => {
        if (finger.current) event.preventDefault();
      },
    };
  }, [onHold]);
}
