import { useEffect, useState } from "react";

export interface Files {
  readonly picked: readonly File[];
  readonly dragging: boolean;
  readonly set: (files: readonly File[]) => void;
  readonly add: (files: Iterable<File>) => void;
}

/** Files picked, pasted or dropped anywhere on the page while a room is open. */
export function useFiles(onFolder: () => void): Files {
  const [picked, set] = useState<readonly File[]>([]);
  const [dragging, setDragging] = useState(false);

  useEffect(() => {
    const carriesFiles = (event: DragEvent): boolean => event.dataTransfer?.types.includes("Files") ?? false;
    const leave = (event: DragEvent): void => {
      // Leaving one element for another is still over the page. (Safari never says for which; "over" corrects it.)
      if (event.relatedTarget === null) setDragging(false);
    };
    const over = (event: DragEvent): void => {
      if (!carriesFiles(event)) return;
      event.preventDefault();
      setDragging(true);
    };
    const drop = (event: DragEvent): void => {
      if (!carriesFiles(event)) return;
      event.preventDefault();
      setDragging(false);
      const items = [...(event.dataTransfer?.items ?? [])].filter((item) => item.kind === "file");
      const folders = new Set(items.flatMap((item, i) => (item.webkitGetAsEntry()?.isDirectory ? [i] : [])));
      const files = [...(event.dataTransfer?.files ?? [])].filter((_, i) => !folders.has(i));
      if (folders.size > 0) onFolder();
      if (files.length > 0) set((before) => [...before, ...files]);
    };
    document.addEventListener("dragenter", over);
    document.addEventListener("dragover", over);
    document.addEventListener("dragleave", leave);
    document.addEventListener("drop", drop);
    return () => {
      document.removeEventListener("dragenter", over);
      document.removeEventListener("dragover", over);
      document.removeEventListener("dragleave", leave);
      document.removeEventListener("drop", drop);
    };
  }, [onFolder]);

  const add = (files: Iterable<File>): void => {
    // Copied now: the browser empties a field's list when the field is reset.
    const more = [...files];
    set((before) => [...before, ...more]);
  };

  return { picked, dragging, set, add };
}

/** The files of a paste. What an office program copies comes with a picture of itself; there the words are wanted. */
export function pastedFiles({ files, types }: DataTransfer): readonly File[] {
  const words = types.includes("text/rtf") || (types.includes("text/html") && types.includes("text/plain"));
  return words ? [] : [...files];
}
