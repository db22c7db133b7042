import { useCallback, useState } from "react";
import type { CSSProperties, ReactElement } from "react";
import { useTranslation } from "react-i18next";
import { hueOf } from "@/components/hue";
import { PersonAvatar } from "@/matrix/avatars";
import { Bubble } from "./Bubble";
import { useTimeline } from "./context";
import { FailedLine } from "./FailedLine";
import { formatTime } from "./format";
import styles from "./MessageRow.module.css";
import { MessageToolbar } from "./MessageToolbar";
import { summaryOf } from "./model/content";
import type { MessageRow as Row } from "./model/types";
import { Reactions } from "./Reactions";
import { SeenBy } from "./SeenBy";
import { useLongPress } from "./useLongPress";
import { useShown } from "./useShown";

/** A message: face, name, bubble, reactions, who has read it, and the toolbar while it is pointed at. */
export function MessageRow({ row, stop }: { row: Row; stop: boolean }): ReactElement {
  const { t } = useTranslation("timeline");
  const { first, last } = row;
  const item = useShown(row.item);
  const { reply, edit, remove } = useTimeline();
  const [hovered, setHovered] = useState(false);
  const [focused, setFocused] = useState(false);
  const [held, setHeld] = useState(false);
  const [busy, setBusy] = useState(false);
  const press = useLongPress(useCallback(() => setHeld(true), []));
  const tools = (hovered || focused || held || busy) && item.upload === undefined && item.delivery !== "failed" && item.content.kind !== "deleted";
  const text = item.content.kind === "deleted" ? t("deleted") : summaryOf(item.content);

  return (
    // A feed's articles take the focus and its keys (ARIA feed pattern); each key's action is also a button inside.
    // eslint-disable-next-line jsx-a11y/no-noninteractive-element-interactions -- see above
    <div
      role="article"
      aria-label={t("message", { name: item.own ? t("you") : item.senderName, time: formatTime(item.ts), text })}
      // eslint-disable-next-line jsx-a11y/no-noninteractive-tabindex -- see above
      tabIndex={stop ? 0 : -1}
      className={styles.message}
      data-own={item.own || undefined}
      data-first={first || undefined}
      data-last={last || undefined}
      data-held={held || undefined}
      data-event-id={item.id}
      style={{ "--h": hueOf(item.sender) } as CSSProperties}
      onPointerEnter={(event) => event.pointerType === "mouse" && setHovered(true)}
      onPointerLeave={() => setHovered(false)}
      onFocus={(event) => setFocused(event.target.matches(":focus-visible"))}
      onBlur={(event) => {
        if (event.currentTarget.contains(event.relatedTarget)) return;
        setFocused(false);
        setHeld(false);
      }}
      onKeyDown={(event) => {
        if (event.target !== event.currentTarget || event.ctrlKey || event.metaKey || event.altKey) return;
        if (event.key === "r") reply(item);
        else if (event.key === "e" && item.own && item.content.kind === "text") edit(item);
        else if (event.key === "Delete" && item.own && item.delivery !== "sending" && item.content.kind !== "deleted") remove(item);
        else return;
        event.preventDefault();
      }}
      {...press}
    >
      {!item.own && (
        <span className={styles.face}>
          {last && <PersonAvatar id={item.sender} name={item.senderName} mxc={item.senderAvatar} size={32} />}
        </span>
      )}
      <div className={styles.stack}>
        {first && !item.own && (
          <span className={styles.who} dir="auto">
            {item.senderName}
          </span>
        )}
        <div className={styles.line}>
          <Bubble item={item} />
          {tools && <MessageToolbar item={item} onBusy={setBusy} onDone={() => setHeld(false)} />}
        </div>
        <Reactions item={item} />
        {item.delivery === "failed" && <FailedLine item={item} />}
      </div>
      {row.seen.length > 0 && (
        <div className={styles.seen}>
          <SeenBy seen={row.seen} />
        </div>
      )}
    </div>
  );
}
