import { useEffect, useState } from "react";

export interface Files {
  readonly picked: readonly File[];
  readonly dragging: boolean;
  readonly set: (files: readonly File[]) => void;
  readonly add: (files: Iterable<File>) => void;
}

/** Files picked, pasted or dropped anywhere on the page while a room is open. */
export function useFiles(enabled: boolean): Files {
  const [picked, set] = useState<readonly File[]>([]);
  const [dragging, setDragging] = useState(false);

  useEffect(() => {
    if (!enabled) return;
    let depth = 0;
    const carriesFiles = (event: DragEvent): boolean => event.dataTransfer?.types.includes("Files") ?? false;
    const enter = (event: DragEvent): void => {
      if (!carriesFiles(event)) return;
      depth++;
      setDragging(true);
    };
    const leave = (event: DragEvent): void => {
      if (!carriesFiles(event)) return;
      depth = Math.max(0, depth - 1);
      if (depth === 0) setDragging(false);
    };
    const over = (event: DragEvent): void => {
      if (carriesFiles(event)) event.preventDefault();
    };
    const drop = (event: DragEvent): void => {
      if (!carriesFiles(event)) return;
      event.preventDefault();
      depth = 0;
      setDragging(false);
      const files = [...(event.dataTransfer?.files ?? [])];
      set((before) => [...before, ...files]);
    };
    document.addEventListener("dragenter", enter);
    document.addEventListener("dragleave", leave);
    document.addEventListener("dragover", over);
    document.addEventListener("drop", drop);
    return () => {
      document.removeEventListener("dragenter", enter);
      document.removeEventListener("dragleave", leave);
      document.removeEventListener("dragover", over);
      document.removeEventListener("drop", drop);
    };
  }, [enabled]);

  const add = (files: Iterable<File>): void => {
    // Copied now: the browser empties a field's list when the field is reset.
    const more = [...files];
    set((before) => [...before, ...more]);
  };

  return { picked, dragging, set, add };
}
