import type { Room } from "matrix-js-sdk";
import { useCallback, useEffect, useId, useLayoutEffect, useMemo, useRef, useState } from "react";
import type { KeyboardEvent, ReactElement } from "react";
import { useTranslation } from "react-i18next";
import { Button } from "@/components/Button";
import { EmojiPopover } from "@/components/emoji/EmojiPopover";
import { inTone, loadEmoji } from "@/components/emoji/emojiData";
import { skinTone } from "@/components/emoji/emojiMemory";
import { IconButton } from "@/components/IconButton";
import { showToast } from "@/components/Toast";
import { useClient } from "@/matrix/ClientProvider";
import { composerIntents, useComposerIntent } from "@/matrix/composerIntent";
import styles from "./Composer.module.css";
import { closedShortcode, replaceRange, triggerAt } from "./completion";
import { FileSheet } from "./FileSheet";
import { linkSelection, SIGNS, toggleSign, type Selected } from "./formatting";
import { IntentBanner } from "./IntentBanner";
import { Suggestions } from "./Suggestions";
import { TYPING_TIMEOUT_MS, TypingNotifier } from "./TypingNotifier";
import { useCompletion, type Suggestion } from "./useCompletion";
import { pastedFiles, useFiles } from "./useFiles";
import { useMayWrite } from "./useMayWrite";
import { useSend } from "./useSend";
import { lastEditable, useText } from "./useText";
import { useUploadLimit } from "./useUploadLimit";

/** Where messages are written. Remount it (by key) for another room. */
export function Composer({ room }: { room: Room }): ReactElement {
  const { t } = useTranslation("composer");
  const mayWrite = useMayWrite(room);
  if (mayWrite !== "yes") {
    return (
      <p className={styles.closed} role="status">
        {t(mayWrite === "gone" ? "left" : "forbidden")}
      </p>
    );
  }
  return <OpenComposer room={room} />;
}

const onTouch = (): boolean => window.matchMedia("(pointer: coarse)").matches;

function OpenComposer({ room }: { room: Room }): ReactElement {
  const { t } = useTranslation("composer");
  const client = useClient();
  const me = client.getSafeUserId();
  const { roomId } = room;
  const intent = useComposerIntent(roomId);
  const field = useRef<HTMLTextAreaElement>(null);
  const picker = useRef<HTMLInputElement>(null);
  const { draft, caret, change, moveCaret, clear } = useText(room, me, field);
  const files = useFiles(useCallback(() => void showToast(t("noFolders")), [t]));
  const limit = useUploadLimit(client);
  const send = useSend(room);
  const listId = useId();
  /** The words in the field, made a file: they leave the field when the file leaves. */
  const wordsAsFile = useRef<File>(undefined);
  const [picking, setPicking] = useState(false);
  const [focused, setFocused] = useState(false);
  const [active, setActive] = useState(0);
  const [dismissed, setDismissed] = useState<number>();
  const typing = useMemo(
    // Whether others see the dots is not worth an error.
    () => new TypingNotifier((on) => void client.sendTyping(roomId, on, TYPING_TIMEOUT_MS).catch(() => undefined)),
    [client, roomId],
  );
  useEffect(() => () => typing.stop(), [typing]);
  useEffect(() => {
    if (!onTouch()) field.current?.focus();
  }, []);
  useLayoutEffect(() => {
    const area = field.current;
    if (!area) return;
    area.style.blockSize = "auto";
    area.style.blockSize = `${area.scrollHeight}px`;
  }, [draft.text]);

  const trigger = triggerAt(draft.text, caret);
  const suggestions = useCompletion(room, me, focused && trigger && trigger.start !== dismissed ? trigger : undefined);
  const open = suggestions.length > 0;
  const current = Math.min(active, suggestions.length - 1);
  const tooLong = useMemo(() => send.isTooLong(draft, intent), [send, draft, intent]);
  const empty = draft.text.trim() === "";

  const submit = (): void => {
    if (empty || tooLong) return;
    typing.stop();
    send.text(draft);
    // After an edit the field gets back the draft it had before.
    if (intent?.kind !== "edit") clear();
  };
  const complete = (item: Suggestion): void => {
    if (!trigger) return;
    const by = item.kind === "emoji" ? `${item.char} ` : `@${item.name} `;
    const next = replaceRange(draft.text, trigger.start, trigger.end, by);
    change(next.text, next.caret, item.kind === "person" ? { mention: { userId: item.id, name: item.name } } : {});
    setActive(0);
  };
  const typed = (text: string, at: number): void => {
    change(text, at);
    setActive(0);
    if (text.trim() === "") typing.stop();
    else if (intent?.kind !== "edit") typing.typed();
    const closed = closedShortcode(text, at);
    if (!closed) return;
    void loadEmoji().then((set) => {
      const emoji = set.byCode.get(closed.code);
      if (!emoji || field.current?.value !== text) return;
      const next = replaceRange(text, closed.start, at, inTone(emoji, skinTone()));
      change(next.text, next.caret);
    });
  };
  const insert = (emoji: string): void => {
    const { start, end } = selection();
    const next = replaceRange(draft.text, start, end, emoji);
    change(next.text, next.caret);
    setPicking(false);
  };
  const selection = (): Selected => ({ text: draft.text, start: field.current?.selectionStart ?? caret, end: field.current?.selectionEnd ?? caret });
  const keys = (event: KeyboardEvent<HTMLTextAreaElement>): void => {
    if (event.nativeEvent.isComposing) return;
    const act = open ? listKey(event.key) : fieldKey(event);
    if (!act) return;
    event.preventDefault();
    act();
  };
  const listKey = (key: string): (() => void) | undefined => {
    const item = suggestions[current];
    const step = (by: number) => () => setActive((current + by + suggestions.length) % suggestions.length);
    switch (key) {
      case "ArrowDown":
        return step(1);
      case "ArrowUp":
        return step(-1);
      case "Enter":
      case "Tab":
        return item && (() => complete(item));
      case "Escape":
        return () => setDismissed(trigger?.start);
      default:
        return undefined;
    }
  };
  const fieldKey = (event: KeyboardEvent): (() => void) | undefined => {
    if (event.key === "Enter" && !event.shiftKey && (!onTouch() || event.ctrlKey)) return submit;
    const sign = event.ctrlKey || event.metaKey ? SIGNS[event.key] : undefined;
    if (sign !== undefined && !event.altKey && !event.shiftKey) {
      return () => {
        const next = toggleSign(selection(), sign);
        change(next.text, next.start, { end: next.end });
      };
    }
    if (event.key === "Escape" && intent) return () => composerIntents.set(roomId, null);
    if (event.key === "ArrowUp" && draft.text === "" && !intent) {
      const last = lastEditable(room, me);
      return last && (() => composerIntents.set(roomId, { kind: "edit", event: last }));
    }
    return undefined;
  };
  const sendAsFile = (): void => {
    const file = new File([draft.text], "message.txt", { type: "text/plain" });
    wordsAsFile.current = file;
    files.add([file]);
  };

  return (
    <div className={styles.wrap}>
      {open && <Suggestions id={listId} items={suggestions} active={current} onPick={complete} />}
      {tooLong && (
        <p className={styles.problem} role="alert">
          {t("tooLong")} <Button onClick={sendAsFile}>{t("asFile")}</Button>
        </p>
      )}
      <div className={styles.composer} data-intent={intent?.kind}>
        {intent && <IntentBanner intent={intent} onCancel={() => composerIntents.set(roomId, null)} />}
        <div className={styles.line}>
          <IconButton icon="clip" label={t("attach")} onClick={() => picker.current?.click()} />
          <input
            ref={picker}
            type="file"
            multiple
            hidden
            data-testid="file-input"
            onChange={(event) => {
              files.add(event.target.files ?? []);
              event.target.value = "";
            }}
          />
          <textarea
            ref={field}
            className={styles.field}
            rows={1}
            dir="auto"
            aria-label={t("label")}
            aria-autocomplete="list"
            aria-haspopup="listbox"
            aria-controls={open ? listId : undefined}
            aria-activedescendant={open ? `${listId}-${current}` : undefined}
            placeholder={t("placeholder", { room: room.name })}
            value={draft.text}
            enterKeyHint={onTouch() ? "enter" : "send"}
            onChange={(event) => typed(event.target.value, event.target.selectionStart)}
            onSelect={(event) => moveCaret(event.currentTarget.selectionStart)}
            onKeyDown={keys}
            onPaste={(event) => {
              const pasted = pastedFiles(event.clipboardData);
              const link = pasted.length > 0 ? undefined : linkSelection(selection(), event.clipboardData.getData("text/plain"));
              if (pasted.length === 0 && !link) return;
              event.preventDefault();
              if (pasted.length > 0) files.add(pasted);
              else if (link) change(link.text, link.start);
            }}
            onFocus={() => setFocused(true)}
            onBlur={() => setFocused(false)}
          />
          <EmojiPopover open={picking} onOpenChange={setPicking} onPick={insert} onPicked={() => field.current?.focus()}>
            <IconButton icon="smile" label={t("emoji")} />
          </EmojiPopover>
          <IconButton
            icon={intent?.kind === "edit" ? "check" : "send"}
            variant="accent"
            label={t(intent?.kind === "edit" ? "save" : "send")}
            disabled={empty || tooLong}
            className={styles.send ?? ""}
            onPointerDown={(event) => event.preventDefault()}
            onClick={submit}
          />
        </div>
      </div>
      <FileSheet
        files={files.picked}
        limit={limit}
        onChange={files.set}
        onAddMore={() => picker.current?.click()}
        onSend={(caption) => {
          if (wordsAsFile.current && files.picked.includes(wordsAsFile.current)) clear();
          void send.files(files.picked, caption);
          files.set([]);
        }}
      />
      {files.dragging && <div className={styles.drop}>{t("drop", { room: room.name })}</div>}
    </div>
  );
}
