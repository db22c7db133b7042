import type { MatrixEvent } from "matrix-js-sdk";
import { useCallback, useSyncExternalStore } from "react";

/** What the composer of a room is about to do besides sending a new message. */
export type ComposerIntent =
  | { kind: "reply"; event: MatrixEvent }
  /** `text`: what the field begins with; the message as it is when absent. */
  | { kind: "edit"; event: MatrixEvent; text?: string };

const intents = new Map<string, ComposerIntent>();
const listeners = new Map<string, Set<() => void>>();

/** The link between the timeline's "Reply"/"Edit" and the composer, per room. */
export const composerIntents = {
  get(roomId: string): ComposerIntent | null {
    return intents.get(roomId) ?? null;
  },
  set(roomId: string, intent: ComposerIntent | null): void {
    if (intent) intents.set(roomId, intent);
    else intents.delete(roomId);
    listeners.get(roomId)?.forEach((listener) => listener());
  },
  subscribe(roomId: string, listener: () => void): () => void {
    let set = listeners.get(roomId);
    if (!set) listeners.set(roomId, (set = new Set()));
    set.add(listener);
    return () => set.delete(listener);
  },
};

export function useComposerIntent(roomId: string): ComposerIntent | null {
  const subscribe = useCallback((listener: () => void) => composerIntents.subscribe(roomId, listener), [roomId]);
  return useSyncExternalStore(subscribe, () => composerIntents.get(roomId));
}
