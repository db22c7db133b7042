import { useCallback, useEffect, useRef } from "react";
import type { Row } from "./model/types";
import type { TimelineViewModel } from "./TimelineViewModel";

/** Marks messages read while the window has the reader's attention, and only then. */
export function useReading(viewModel: TimelineViewModel): (row: Row) => void {
  const last = useRef<Row>(undefined);

  useEffect(() => {
    const back = (): void => {
      if (hasAttention()) viewModel.markRead(last.current);
    };
    const away = (): void => viewModel.noteReadPosition();
    const shown = (): void => (document.visibilityState === "visible" ? back() : away());
    window.addEventListener("focus", back);
    window.addEventListener("blur", away);
    document.addEventListener("visibilitychange", shown);
    return () => {
      window.removeEventListener("focus", back);
      window.removeEventListener("blur", away);
      document.removeEventListener("visibilitychange", shown);
    };
  }, [viewModel]);

  return useCallback(
    (row: Row) => {
      last.current = row;
      if (hasAttention()) viewModel.markRead(row);
    },
    [viewModel],
  );
}

function hasAttention(): boolean {
  return document.visibilityState === "visible" && document.hasFocus();
}
