import { useMemo, useSyncExternalStore } from "react";
import { useClient } from "@/matrix/ClientProvider";
import { deletionsOf } from "@/matrix/deletions";
import type { MessageItem } from "./model/types";

/** The message as it is to be drawn: one that is about to be deleted looks deleted already. */
export function useShown(item: MessageItem): MessageItem {
  const deletions = deletionsOf(useClient());
  const state = useSyncExternalStore(deletions.subscribe, () => (!deletions.isHidden(item.id) ? "there" : deletions.canUndo(item.id) ? "undoable" : "gone"));
  return useMemo(() => {
    if (state === "there" || item.content.kind === "deleted") return item;
    const shown: MessageItem = { ...item, content: { kind: "deleted", bySelf: item.own, undoable: state === "undoable" }, reactions: [], edited: false };
    delete (shown as { quote?: unknown }).quote;
    return shown;
  }, [item, state]);
}
