/** Unsent words, one draft per room, kept in this browser. */
import type { Mention } from "./markdown";

export interface Draft {
  readonly text: string;
  readonly mentions: readonly Mention[];
}

const EMPTY: Draft = { text: "", mentions: [] };
const keyOf = (userId: string, roomId: string): string => `chatbook.draft.${userId}.${roomId}`;

export function loadDraft(userId: string, roomId: string): Draft {
  try {
    const saved: unknown = JSON.parse(localStorage.getItem(keyOf(userId, roomId)) ?? "null");
    return isDraft(saved) ? saved : EMPTY;
  } catch {
    return EMPTY;
  }
}

export function saveDraft(userId: string, roomId: string, draft: Draft): void {
  try {
    if (draft.text.trim() === "") localStorage.removeItem(keyOf(userId, roomId));
    else localStorage.setItem(keyOf(userId, roomId), JSON.stringify(draft));
  } catch {
    // Without storage the draft lives as long as the page.
  }
}

function isDraft(value: unknown): value is Draft {
  if (typeof value !== "object" || value === null) return false;
  const { text, mentions } = value as Partial<Draft>;
  return typeof text === "string" && Array.isArray(mentions) && mentions.every((m) => typeof m?.name === "string" && typeof m.userId === "string");
}
