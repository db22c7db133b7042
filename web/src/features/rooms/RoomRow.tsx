import { memo } from "react";
import type { MouseEvent, ReactElement } from "react";
import { useTranslation } from "react-i18next";
import { Icon } from "@/components/Icon";
import { ContextMenu } from "@/components/Menu";
import type { MenuItem } from "@/components/Menu";
import { VisuallyHidden } from "@/components/VisuallyHidden";
import { classes } from "@/components/classes";
import { RoomAvatar } from "@/matrix/avatars";
import { hrefOf, navigate } from "@/matrix/routes";
import styles from "./RoomList.module.css";
import type { RoomEntry } from "./RoomListViewModel";
import { shortTime } from "./when";

export interface RoomRowProps {
  entry: RoomEntry;
  selected: boolean;
  focusable: boolean;
  menu: MenuItem[];
}

/** A chat in the list: a link, so that it can be opened in a new tab. */
export const RoomRow = memo(function RoomRow({ entry, selected, focusable, menu }: RoomRowProps): ReactElement {
  const open = (event: MouseEvent): void => {
    if (event.metaKey || event.ctrlKey || event.shiftKey || event.button !== 0) return;
    event.preventDefault();
    navigate({ roomId: entry.roomId });
  };
  return (
    <li>
      <ContextMenu items={menu}>
        <a
          className={classes(styles.item, selected && styles.on, entry.unread > 0 && styles.unread)}
          href={hrefOf({ roomId: entry.roomId })}
          aria-current={selected ? "page" : undefined}
          tabIndex={focusable ? 0 : -1}
          data-room={entry.roomId}
          draggable={false}
          onClick={open}
        >
          <RoomAvatar room={entry.room} presence={entry.presence} />
          <span className={styles.texts}>
            <b dir="auto">{entry.name}</b>
            <Line entry={entry} />
          </span>
          <Aside entry={entry} />
        </a>
      </ContextMenu>
    </li>
  );
});

function Line({ entry }: { entry: RoomEntry }): ReactElement {
  const { t } = useTranslation("rooms");
  const { typing, preview, sender, direct } = entry;
  if (typing.length > 0) {
    const form = typing.length === 1 ? "one" : typing.length === 2 ? "two" : "many";
    const text = direct ? t("typingDirect") : t(`typing_${form}`, { names: typing.map((name) => name.split(" ")[0]).join(", ") });
    return <span className={classes(styles.line, styles.typing)}>{text}</span>;
  }
  if (!preview) return <span className={styles.line}>{t("nothingYet")}</span>;
  const name = sender === "you" ? t("you") : sender?.split(" ")[0];
  return (
    <span className={styles.line} dir="auto">
      {preview.state === "failed" && <span className={styles.failed}>{t("failed")} · </span>}
      {name && <span className={entry.highlight > 0 ? styles.sender : undefined}>{name}: </span>}
      {t(`preview.${preview.key}`, { text: preview.text })}
    </span>
  );
}

function Aside({ entry }: { entry: RoomEntry }): ReactElement {
  const { t } = useTranslation("rooms");
  const { unread, highlight, direct, muted } = entry;
  const loud = !muted && (direct ? unread > 0 : highlight > 0);
  const count = !direct && highlight > 0 ? highlight : unread;
  const label = !direct && highlight > 0 ? t("mentions", { count: highlight }) : t("unread", { count: unread });
  return (
    <span className={styles.aside}>
      <time dateTime={entry.ts > 0 ? new Date(entry.ts).toISOString() : undefined}>{shortTime(entry.ts)}</time>
      {unread > 0 || highlight > 0 ? (
        <span className={classes(styles.badge, !loud && styles.quiet)}>
          <span aria-hidden="true">{!direct && highlight > 0 ? `@ ${short(count)}` : short(count)}</span>
          <VisuallyHidden>{label}</VisuallyHidden>
        </span>
      ) : (
        muted && (
          <span className={styles.mutedMark}>
            <Icon name="bellOff" size={15} />
            <VisuallyHidden>{t("muted")}</VisuallyHidden>
          </span>
        )
      )}
    </span>
  );
}

function short(count: number): string {
  return count > 999 ? "999+" : String(count);
}
