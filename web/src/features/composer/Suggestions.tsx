import type { ReactElement } from "react";
import { useTranslation } from "react-i18next";
import { PersonAvatar } from "@/matrix/avatars";
import styles from "./Suggestions.module.css";
import type { Suggestion } from "./useCompletion";

export interface SuggestionsProps {
  readonly id: string;
  readonly items: readonly Suggestion[];
  readonly active: number;
  readonly onPick: (item: Suggestion) => void;
}

const intoView = (option: HTMLElement | null): void => option?.scrollIntoView({ block: "nearest" });

/** The list above the text field. The field keeps the focus; arrows move, Enter or Tab picks. */
export function Suggestions({ id, items, active, onPick }: SuggestionsProps): ReactElement {
  const { t } = useTranslation("composer");
  return (
    <ul id={id} role="listbox" className={styles.list} aria-label={t(items[0]?.kind === "emoji" ? "suggestEmoji" : "suggestPeople")}>
      {items.map((item, i) => (
        // The text field handles the keys (aria-activedescendant), so an option needs none of its own.
        // eslint-disable-next-line jsx-a11y/click-events-have-key-events -- see above
        <li
          key={item.id}
          ref={i === active ? intoView : undefined}
          id={`${id}-${i}`}
          role="option"
          aria-selected={i === active}
          className={styles.item}
          onPointerDown={(event) => event.preventDefault()}
          onClick={() => onPick(item)}
        >
          {item.kind === "emoji" ? (
            <>
              <span className={styles.emoji}>{item.char}</span>
              <span>:{item.code}:</span>
            </>
          ) : (
            <>
              <PersonAvatar id={item.id} name={item.name} mxc={item.avatar} size={28} />
              <span dir="auto">{item.name}</span>
              <span className={styles.quiet}>{item.id}</span>
            </>
          )}
        </li>
      ))}
    </ul>
  );
}
