import { useEffect, useMemo, useRef, useState } from "react";
import type { KeyboardEvent, ReactElement } from "react";
import { useTranslation } from "react-i18next";
import { SearchField } from "@/components/SearchField";
import { classes } from "@/components/classes";
import { navigate, openOverlay } from "@/matrix/routes";
import { useViewModel } from "@/matrix/ViewModel";
import { InviteRow } from "./InviteRow";
import { LeaveDialog } from "./LeaveDialog";
import { ListEmpty } from "./ListEmpty";
import { moveFocus } from "./moveFocus";
import styles from "./RoomList.module.css";
import { RoomListHeader } from "./RoomListHeader";
import { narrow } from "./RoomListViewModel";
import type { Filter, RoomEntry, RoomListViewModel } from "./RoomListViewModel";
import { RoomRow } from "./RoomRow";
import { roomMenu } from "./roomMenu";

export interface RoomListProps {
  viewModel: RoomListViewModel;
  selected: string | undefined;
  onSignOut: () => void;
}

const FILTERS: Filter[] = ["all", "unread", "people", "rooms"];
const ROWS = "a[data-room]";

/** All chats of the person, with search (Ctrl K), filters, invitations and a menu on each. */
export function RoomList({ viewModel, selected, onSignOut }: RoomListProps): ReactElement {
  const { t } = useTranslation(["rooms", "matrix"]);
  const snapshot = useViewModel(viewModel);
  const [filter, setFilter] = useState<Filter>("all");
  const [query, setQuery] = useState("");
  const [leaving, setLeaving] = useState<RoomEntry | null>(null);
  const search = useRef<HTMLInputElement>(null);
  const list = useRef<HTMLDivElement>(null);
  const shown = useMemo(() => narrow(snapshot, filter, query), [snapshot, filter, query]);
  const rows = [...shown.pinned, ...shown.chats];
  const total = snapshot.invites.length + snapshot.pinned.length + snapshot.chats.length;
  const tabStop = rows.some((entry) => entry.roomId === selected) ? selected : rows[0]?.roomId;

  useEffect(() => {
    const onKey = (event: globalThis.KeyboardEvent): void => {
      if (event.key.toLowerCase() !== "k" || !(event.ctrlKey || event.metaKey) || event.shiftKey || event.altKey) return;
      event.preventDefault();
      // On a phone the list may be hidden behind a room.
      const seek = (): void => {
        search.current?.focus();
        search.current?.select();
      };
      // At once, so that what is typed right after it is not lost; on a phone the list has to be shown first.
      if (search.current?.offsetParent !== null) return seek();
      navigate({});
      requestAnimationFrame(seek);
    };
    window.addEventListener("keydown", onKey);
    return () => window.removeEventListener("keydown", onKey);
  }, []);

  const onSearchKey = (event: KeyboardEvent): void => {
    if (event.key === "Escape") {
      if (query) event.stopPropagation();
      setQuery("");
    } else if (event.key === "ArrowDown") {
      event.preventDefault();
      list.current?.querySelector<HTMLElement>(ROWS)?.focus();
    } else if (event.key === "Enter" && query.trim()) {
      const first = rows[0];
      if (!first) return openOverlay({ name: "new-chat", query: query.trim() });
      setQuery("");
      navigate({ roomId: first.roomId });
    }
  };

  const section = (title: string, entries: readonly RoomEntry[]): ReactElement | null =>
    entries.length === 0 ? null : (
      <section aria-label={title}>
        <h2>{title}</h2>
        <ul>
          {entries.map((entry) => (
            <RoomRow
              key={entry.roomId}
              entry={entry}
              selected={entry.roomId === selected}
              focusable={entry.roomId === tabStop}
              menu={roomMenu(entry, t, () => setLeaving(entry))}
            />
          ))}
        </ul>
      </section>
    );

  return (
    <>
      <RoomListHeader onSignOut={onSignOut} />
      <SearchField
        ref={search}
        landmark
        className={styles.search}
        size="sm"
        enterKeyHint="go"
        label={t("searchLabel")}
        placeholder={t("search")}
        aria-keyshortcuts="Control+K"
        value={query}
        onValue={setQuery}
        onClear={() => (setQuery(""), search.current?.focus())}
        onKeyDown={onSearchKey}
        end={<kbd aria-hidden="true">Ctrl K</kbd>}
      />
      <div className={styles.chips} role="group" aria-label={t("filters")}>
        {FILTERS.map((name) => (
          <button
            key={name}
            type="button"
            className={classes(styles.chip, filter === name && styles.chipOn)}
            aria-pressed={filter === name}
            onClick={() => setFilter(name)}
          >
            {t(`filter.${name}`)}
            {name === "unread" && snapshot.unreadChats > 0 && ` ${snapshot.unreadChats}`}
          </button>
        ))}
      </div>
      {/* Arrow keys move among the links inside; the box itself is no control. */}
      {/* eslint-disable-next-line jsx-a11y/no-static-element-interactions -- see above */}
      <div ref={list} className={styles.rooms} onKeyDown={(event) => moveFocus(event, ROWS)}>
        {shown.invites.length > 0 && (
          <section aria-label={t("invites")}>
            <h2>{t("invites")}</h2>
            <ul>
              {shown.invites.map((entry) => (
                <InviteRow key={entry.roomId} entry={entry} />
              ))}
            </ul>
          </section>
        )}
        {query.trim() ? (
          section(t("results"), rows)
        ) : (
          <>
            {section(t("pinned"), shown.pinned)}
            {section(t("chats"), shown.chats)}
          </>
        )}
        {rows.length + shown.invites.length === 0 && <ListEmpty query={query.trim()} filter={filter} first={total === 0} />}
      </div>
      {leaving && <LeaveDialog entry={leaving} selected={leaving.roomId === selected} onClose={() => setLeaving(null)} />}
    </>
  );
}
