import type { Room } from "matrix-js-sdk";
import { useEffect, useId, useLayoutEffect, useMemo, useRef, useState } from "react";
import type { KeyboardEvent, ReactElement } from "react";
import { useTranslation } from "react-i18next";
import { Button } from "@/components/Button";
import { EmojiPopover } from "@/components/emoji/EmojiPopover";
import { inTone, loadEmoji } from "@/components/emoji/emojiData";
import { skinTone } from "@/components/emoji/emojiMemory";
import { IconButton } from "@/components/IconButton";
import { useClient } from "@/matrix/ClientProvider";
import { composerIntents, useComposerIntent } from "@/matrix/composerIntent";
import styles from "./Composer.module.css";
import { closedShortcode, replaceRange, triggerAt } from "./completion";
import { FileSheet } from "./FileSheet";
import { IntentBanner } from "./IntentBanner";
import { Suggestions } from "./Suggestions";
import { TYPING_TIMEOUT_MS, TypingNotifier } from "./TypingNotifier";
import { useCompletion, type Suggestion } from "./useCompletion";
import { useFiles } from "./useFiles";
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
  const files = useFiles(true);
  const limit = useUploadLimit(client);
  const send = useSend(room);
  const listId = useId();
  const [picking, setPicking] = useState(false);
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
  const suggestions = useCompletion(room, me, trigger && trigger.start !== dismissed ? trigger : undefined);
  const open = suggestions.length > 0;
  const current = Math.min(active, suggestions.length - 1);
  const excess = send.excess(draft);
  const empty = draft.text.trim() === "";

  const submit = (): void => {
    if (empty || excess > 0) return;
    typing.stop();
    send.text(draft);
    clear();
  };
  const complete = (item: Suggestion): void => {
    if (!trigger) return;
    const by = item.kind === "emoji" ? `${item.char} ` : `@${item.name} `;
    const next = replaceRange(draft.text, trigger.start, trigger.end, by);
    change(next.text, next.caret, item.kind === "person" ? { userId: item.id, name: item.name } : undefined);
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
    const next = replaceRange(draft.text, caret, caret, emoji);
    change(next.text, next.caret);
    setPicking(false);
    requestAnimationFrame(() => field.current?.focus());
  };
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
    if (event.key === "Escape" && intent) return () => composerIntents.set(roomId, null);
    if (event.key === "ArrowUp" && draft.text === "" && !intent) {
      const last = lastEditable(room, me);
      return last && (() => composerIntents.set(roomId, { kind: "edit", event: last }));
    }
    return undefined;
  };
  const sendAsFile = (): void => {
    files.add([new File([draft.text], "message.txt", { type: "text/plain" })]);
    clear();
  };

  return (
    <div className={styles.wrap}>
      {open && <Suggestions id={listId} items={suggestions} active={current} onPick={complete} />}
      {excess > 0 && (
        <p className={styles.problem} role="alert">
          {t("tooLong", { count: excess })} <Button onClick={sendAsFile}>{t("asFile")}</Button>
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
              if (event.clipboardData.files.length === 0) return;
              event.preventDefault();
              files.add(event.clipboardData.files);
            }}
          />
          <EmojiPopover open={picking} onOpenChange={setPicking} onPick={insert}>
            <IconButton icon="smile" label={t("emoji")} />
          </EmojiPopover>
          <IconButton
            icon={intent?.kind === "edit" ? "check" : "send"}
            variant="accent"
            label={t(intent?.kind === "edit" ? "save" : "send")}
            disabled={empty || excess > 0}
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
          void send.files(files.picked, caption);
          files.set([]);
        }}
      />
      {files.dragging && <div className={styles.drop}>{t("drop")}</div>}
    </div>
  );
}
