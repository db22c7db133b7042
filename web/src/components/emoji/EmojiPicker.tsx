import { memo, useDeferredValue, useEffect, useMemo, useRef, useState } from "react";
import { flushSync } from "react-dom";
import type { KeyboardEvent, ReactElement } from "react";
import { useTranslation } from "react-i18next";
import { Button } from "@/components/Button";
import { Icon } from "@/components/Icon";
import { GROUPS, inTone, labelOf, loadEmoji, searchEmoji, type Emoji, type EmojiSet } from "./emojiData";
import { recentEmoji, rememberEmoji, rememberSkinTone, skinTone } from "./emojiMemory";
import styles from "./EmojiPicker.module.css";

const COLUMNS = 8;
const HAND = ["✋", "✋🏻", "✋🏼", "✋🏽", "✋🏾", "✋🏿"];
const SIGNS: Readonly<Record<number, string>> = { 0: "😀", 1: "👋", 3: "🐻", 4: "🍅", 5: "🚉", 6: "⚽", 7: "💡", 8: "💜", 9: "🏁" };

interface Section {
  readonly id: string;
  readonly title: string;
  readonly chars: readonly { readonly char: string; readonly label: string }[];
}

/** Search, categories, recent ones and skin tones; arrows move, Enter picks. */
export default function EmojiPicker({ onPick }: { onPick: (emoji: string) => void }): ReactElement {
  const { t } = useTranslation("components");
  const [set, setSet] = useState<EmojiSet>();
  const [failed, setFailed] = useState(0);
  const [query, setQuery] = useState("");
  const [tone, setTone] = useState(skinTone);
  const [recent] = useState(recentEmoji);
  const body = useRef<HTMLDivElement>(null);
  // Drawn a moment later than the letters, unless somebody is about to choose from it.
  const [settled, setSettled] = useState("");
  const deferred = useDeferredValue(query);
  const wanted = settled === query ? query : deferred;

  useEffect(() => {
    let here = true;
    loadEmoji().then(
      (loaded) => here && setSet(loaded),
      () => here && setFailed((n) => (n === 0 ? -1 : n)),
    );
    return () => {
      here = false;
    };
  }, [failed]);

  const sections = useMemo((): readonly Section[] => {
    if (!set) return [];
    const shown = (emoji: Emoji) => ({ char: inTone(emoji, tone), label: emoji.label });
    if (wanted.trim() !== "") return [{ id: "found", title: t("emoji.found"), chars: searchEmoji(set, wanted).map(shown) }];
    return [
      { id: "recent", title: t("emoji.recent"), chars: recent.map((char) => ({ char, label: labelOf(set, char) })) },
      ...GROUPS.map((group) => ({
        id: String(group),
        title: t(`emoji.group.${group}`),
        chars: set.all.filter((emoji) => emoji.group === group).map(shown),
      })),
    ];
  }, [set, wanted, tone, recent, t]);

  const pick = (char: string): void => {
    rememberEmoji(char);
    onPick(char);
  };
  const keys = (event: KeyboardEvent<HTMLDivElement>): void => {
    const inSearch = event.target instanceof HTMLInputElement;
    // What is drawn may still be the answer to fewer letters.
    if (inSearch && (event.key === "Enter" || event.key === "ArrowDown")) flushSync(() => setSettled(query));
    const cells = [...(body.current?.querySelectorAll<HTMLButtonElement>("[data-emoji]") ?? [])];
    if (inSearch && event.key === "Enter") {
      event.preventDefault();
      const char = cells[0]?.dataset["emoji"];
      return char === undefined ? undefined : pick(char);
    }
    const step = { ArrowDown: COLUMNS, ArrowUp: -COLUMNS, ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (step === undefined || (inSearch && event.key !== "ArrowDown")) return;
    event.preventDefault();
    const at = cells.indexOf(document.activeElement as HTMLButtonElement);
    const next = inSearch ? cells[0] : cells[at + step];
    if (next) next.focus();
    else if (at + step < 0) event.currentTarget.querySelector("input")?.focus();
  };

  if (failed < 0) {
    return (
      <div className={styles.failed}>
        <p>{t("emoji.failed")}</p>
        <Button icon="retry" onClick={() => setFailed(Date.now())}>
          {t("emoji.retry")}
        </Button>
      </div>
    );
  }
  return (
    // eslint-disable-next-line jsx-a11y/no-static-element-interactions -- keys bubble up from the buttons inside
    <div className={styles.picker} onKeyDown={keys}>
      <div className={styles.search}>
        <Icon name="search" size={16} />
        {/* Who opens the picker is about to choose; the search field is where they start. */}
        {/* eslint-disable-next-line jsx-a11y/no-autofocus -- see above */}
        <input autoFocus type="search" aria-label={t("emoji.search")} placeholder={t("emoji.search")} value={query} onChange={(event) => setQuery(event.target.value)} />
      </div>
      <nav className={styles.groups} aria-label={t("emoji.groups")}>
        {GROUPS.map((group) => (
          <button
            key={group}
            type="button"
            aria-label={t(`emoji.group.${group}`)}
            onClick={() => {
              setQuery("");
              requestAnimationFrame(() => body.current?.querySelector(`[data-section="${group}"]`)?.scrollIntoView({ block: "start" }));
            }}
          >
            {SIGNS[group]}
          </button>
        ))}
      </nav>
      <div className={styles.body} ref={body} tabIndex={-1}>
        {sections.map((section) => (
          <SectionGrid key={section.id} section={section} onPick={pick} />
        ))}
        {set && sections.every((section) => section.chars.length === 0) && <p className={styles.none}>{t("emoji.none")}</p>}
      </div>
      <div className={styles.tones} role="radiogroup" aria-label={t("emoji.tone")}>
        {HAND.map((hand, i) => (
          <button
            key={hand}
            type="button"
            role="radio"
            aria-checked={i === tone}
            aria-label={t(`emoji.tones.${i}`)}
            onClick={() => {
              rememberSkinTone(i);
              setTone(i);
            }}
          >
            {hand}
          </button>
        ))}
      </div>
    </div>
  );
}

const SectionGrid = memo(function SectionGrid({ section, onPick }: { section: Section; onPick: (char: string) => void }): ReactElement | null {
  if (section.chars.length === 0) return null;
  return (
    <section className={styles.section} data-section={section.id} aria-label={section.title}>
      <h3>{section.title}</h3>
      <div className={styles.grid}>
        {section.chars.map(({ char, label }) => (
          <button key={char} type="button" data-emoji={char} title={label} aria-label={label} onClick={() => onPick(char)}>
            {char}
          </button>
        ))}
      </div>
    </section>
  );
});
