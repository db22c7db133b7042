import { useCallback, useState } from "react";
import type { KeyboardEvent, ReactElement } from "react";
import { useTranslation } from "react-i18next";
import { Button } from "@/components/Button";
import { Icon } from "@/components/Icon";
import { Spinner } from "@/components/Spinner";
import { useDebounced } from "@/components/useDebounced";
import { useLoad } from "@/components/useLoad";
import { PersonAvatar } from "@/matrix/avatars";
import { useClient } from "@/matrix/ClientProvider";
import { errorKey } from "@/matrix/http";
import styles from "./newchat.module.css";
import { searchPeople } from "./searchPeople";
import type { Person } from "./searchPeople";

/** Finds a person by name or address. */
export function PersonPicker({ initial = "", busyId, onPick }: { initial?: string; busyId?: string | undefined; onPick: (person: Person) => void }): ReactElement {
  const { t } = useTranslation(["newchat", "matrix"]);
  const client = useClient();
  const [typed, setTyped] = useState(initial);
  const term = useDebounced(typed.trim());
  const search = useCallback(() => searchPeople(client, term), [client, term]);
  const { state, data, retry, ...rest } = useLoad(search);
  const people = data ?? [];

  const onKey = (event: KeyboardEvent<HTMLElement>): void => {
    if (event.key !== "ArrowDown" && event.key !== "ArrowUp") return;
    const stops = [...event.currentTarget.querySelectorAll<HTMLElement>("input,button[data-person]")];
    const next = stops[stops.indexOf(document.activeElement as HTMLElement) + (event.key === "ArrowDown" ? 1 : -1)];
    if (next) {
      event.preventDefault();
      next.focus();
    }
  };

  return (
    // Arrow keys move among the field and the people found.
    // eslint-disable-next-line jsx-a11y/no-static-element-interactions -- see above
    <div className={styles.picker} onKeyDown={onKey}>
      <div className={styles.search}>
        <Icon name="search" size={16} />
        <input
          type="text"
          // The dialog was opened to type here.
          // eslint-disable-next-line jsx-a11y/no-autofocus -- see above
          autoFocus
          autoCapitalize="none"
          spellCheck={false}
          enterKeyHint="search"
          aria-label={t("searchPeople")}
          placeholder={t("searchPeople")}
          value={typed}
          onChange={(event) => setTyped(event.target.value)}
          onKeyDown={(event) => {
            if (event.key === "Enter" && people[0] && state === "done") onPick(people[0]);
          }}
        />
        {state === "loading" && term && <Spinner size={16} />}
      </div>
      <div aria-live="polite" className={styles.results}>
        {state === "failed" && (
          <div className={styles.note} role="alert">
            <p>{t(errorKey("error" in rest ? rest.error : null), { ns: "matrix" })}</p>
            <Button onClick={retry}>{t("retry")}</Button>
          </div>
        )}
        {!term && <p className={styles.note}>{t("start")}</p>}
        {term && state === "done" && people.length === 0 && (
          <div className={styles.note}>
            <b>{t("nobody", { query: term })}</b>
            <p>{t("nobodyHint")}</p>
          </div>
        )}
        {people.length > 0 && term && (
          <ul aria-label={t("people")}>
            {people.map((person) => (
              <li key={person.userId}>
                <button type="button" className={styles.person} data-person={person.userId} aria-busy={busyId === person.userId} onClick={() => onPick(person)}>
                  <PersonAvatar id={person.userId} name={person.name} mxc={person.avatar} size={40} />
                  <span className={styles.texts}>
                    <b dir="auto">{person.name}</b>
                    <small>{person.userId}</small>
                  </span>
                  {busyId === person.userId && <Spinner size={16} />}
                </button>
              </li>
            ))}
          </ul>
        )}
      </div>
    </div>
  );
}
