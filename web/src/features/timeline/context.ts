import type { Room } from "matrix-js-sdk";
import { createContext, useContext } from "react";
import type { MessageItem } from "./model/types";
import type { TimelineViewModel } from "./TimelineViewModel";

/** What every row of an open timeline can reach. */
export interface TimelineActions {
  readonly viewModel: TimelineViewModel;
  readonly room: Room;
  readonly reply: (item: MessageItem) => void;
  readonly edit: (item: MessageItem) => void;
  /** Deletes it after a time in which `restore` brings it back. */
  readonly remove: (item: MessageItem, reason?: string) => void;
  readonly restore: (item: MessageItem) => void;
  /** Asks for the reason first. */
  readonly askDelete: (item: MessageItem) => void;
  readonly showReactions: (item: MessageItem) => void;
  readonly react: (item: MessageItem, key: string) => void;
  readonly jump: (eventId: string) => void;
  readonly retry: (item: MessageItem) => void;
  readonly discard: (item: MessageItem) => void;
  readonly view: (item: MessageItem) => void;
}

export const TimelineContext = createContext<TimelineActions | null>(null);

export function useTimeline(): TimelineActions {
  const actions = useContext(TimelineContext);
  if (!actions) throw new Error("useTimeline needs an open timeline");
  return actions;
}
