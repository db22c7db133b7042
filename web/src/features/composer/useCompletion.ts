import { KnownMembership, type Room } from "matrix-js-sdk";
import { useEffect, useReducer, useState } from "react";
import { inTone, loadEmoji, searchEmoji } from "@/components/emoji/emojiData";
import { skinTone } from "@/components/emoji/emojiMemory";
import { matchPeople, type Trigger } from "./completion";

export type Suggestion =
  | { readonly kind: "emoji"; readonly id: string; readonly char: string; readonly code: string }
  | { readonly kind: "person"; readonly id: string; readonly name: string; readonly avatar: string | undefined };

/** As many as fit above the field without scrolling. */
const SHOWN = 6;
const NONE: readonly Suggestion[] = [];

/** What the word at the caret could become. */
export function useCompletion(room: Room, me: string, trigger: Trigger | undefined): readonly Suggestion[] {
  const [emoji, setEmoji] = useState<{ query: string; list: readonly Suggestion[] }>({ query: "", list: NONE });
  const [, again] = useReducer((n: number) => n + 1, 0);
  const query = trigger?.kind === "emoji" ? trigger.query : undefined;

  useEffect(() => {
    if (query === undefined) return;
    let wanted = true;
    loadEmoji().then(
      (set) => {
        const list = searchEmoji(set, query, SHOWN).map((found): Suggestion => ({
          kind: "emoji",
          id: found.char,
          char: inTone(found, skinTone()),
          code: found.codes[0] ?? found.label,
        }));
        if (wanted) setEmoji({ query, list });
      },
      // Without the data there is nothing to suggest; the text stays as typed.
      () => undefined,
    );
    return () => {
      wanted = false;
    };
  }, [query]);

  const asksPeople = trigger?.kind === "person";
  useEffect(() => {
    // Big rooms come without their members until somebody asks; who is already known is suggested meanwhile.
    if (asksPeople) room.loadMembersIfNeeded().then(again, () => undefined);
  }, [asksPeople, room]);

  if (!trigger) return NONE;
  if (trigger.kind === "emoji") return emoji.list.length > 0 && trigger.query.startsWith(emoji.query.slice(0, 2)) ? emoji.list : NONE;
  const people = room
    .getMembers()
    .filter((m) => m.userId !== me && (m.membership === KnownMembership.Join || m.membership === KnownMembership.Invite))
    .map((m) => ({ userId: m.userId, name: m.rawDisplayName || m.name, avatar: m.getMxcAvatarUrl() }));
  return matchPeople(people, trigger.query, SHOWN).map((p) => ({ kind: "person", id: p.userId, name: p.name, avatar: p.avatar }));
}
