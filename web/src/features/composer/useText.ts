import { MsgType, type MatrixEvent, type Room } from "matrix-js-sdk";
import { useCallback, useEffect, useRef, useState } from "react";
import type { RefObject } from "react";
import { composerIntents, type ComposerIntent } from "@/matrix/composerIntent";
import { loadDraft, saveDraft, type Draft } from "./drafts";
import type { Mention } from "./markdown";

export interface TextState {
  readonly draft: Draft;
  readonly caret: number;
  readonly change: (text: string, caret: number, more?: { readonly end?: number; readonly mention?: Mention }) => void;
  readonly moveCaret: (caret: number) => void;
  /** Empties the field and the kept draft, after the words were sent. */
  readonly clear: () => void;
}

/** The words in the field. An edit borrows the field; the draft comes back afterwards. */
export function useText(room: Room, me: string, field: RefObject<HTMLTextAreaElement | null>): TextState {
  const { roomId } = room;
  const [draft, setDraft] = useState(() => {
    const intent = composerIntents.get(roomId);
    return intent?.kind === "edit" ? draftOf(intent, room) : loadDraft(me, roomId);
  });
  const [caret, setCaret] = useState(draft.text.length);
  const place = useRef<{ start: number; end: number }>(undefined);
  const editing = useRef(composerIntents.get(roomId)?.kind === "edit");

  useEffect(
    () =>
      composerIntents.subscribe(roomId, () => {
        const intent = composerIntents.get(roomId);
        if (intent?.kind === "edit") {
          editing.current = true;
          const text = draftOf(intent, room);
          place.current = atEnd(text);
          setDraft(text);
        } else if (editing.current) {
          editing.current = false;
          const kept = loadDraft(me, roomId);
          place.current = atEnd(kept);
          setDraft(kept);
        }
        if (intent) field.current?.focus();
      }),
    [room, roomId, me, field],
  );

  // The caret moves only after the new text is in the field.
  useEffect(() => {
    if (place.current === undefined) return;
    const { start, end } = place.current;
    field.current?.setSelectionRange(start, end);
    setCaret(start);
    place.current = undefined;
  }, [draft, field]);

  const change = useCallback(
    (text: string, at: number, { end = at, mention }: { end?: number; mention?: Mention } = {}) => {
      const typed = field.current?.value === text;
      if (!typed) place.current = { start: at, end };
      setCaret(at);
      setDraft((before) => {
        const next = { text, mentions: mention ? [...before.mentions.filter((m) => m.userId !== mention.userId), mention] : before.mentions };
        if (!editing.current) saveDraft(me, roomId, next);
        return next;
      });
    },
    [field, me, roomId],
  );
  const clear = useCallback(() => {
    setCaret(0);
    saveDraft(me, roomId, { text: "", mentions: [] });
    setDraft({ text: "", mentions: [] });
  }, [me, roomId]);

  return { draft, caret, change, moveCaret: setCaret, clear };
}

const atEnd = ({ text }: Draft): { start: number; end: number } => ({ start: text.length, end: text.length });

function draftOf({ event, text: changed }: Extract<ComposerIntent, { kind: "edit" }>, room: Room): Draft {
  const content: Record<string, unknown> = event.getContent();
  const text = changed ?? (typeof content["body"] === "string" ? content["body"] : "");
  const ids = (content["m.mentions"] as { user_ids?: unknown } | undefined)?.user_ids;
  const mentions = (Array.isArray(ids) ? ids : []).flatMap((id): Mention[] => {
    const member = typeof id === "string" ? room.getMember(id) : null;
    return member ? [{ userId: member.userId, name: member.rawDisplayName || member.name }] : [];
  });
  return { text, mentions };
}

/** The newest own text message, which the up arrow edits. */
export function lastEditable(room: Room, me: string): MatrixEvent | undefined {
  return room
    .getLiveTimeline()
    .getEvents()
    .findLast(
      (event) =>
        event.getSender() === me &&
        event.getType() === "m.room.message" &&
        event.status === null &&
        !event.isRedacted() &&
        !event.isRelation("m.replace") &&
        event.getContent()["msgtype"] === MsgType.Text,
    );
}
