import { useCallback, useState } from "react";
import type { KeyboardEvent, ReactElement } from "react";
import { useTranslation } from "react-i18next";
import { ListRow } from "@/components/ListRow";
import { Notice } from "@/components/Notice";
import { SearchField } from "@/components/SearchField";
import { Spinner } from "@/components/Spinner";
import { useDebounced } from "@/components/useDebounced";
import { useLoad } from "@/components/useLoad";
import { PersonAvatar } from "@/matrix/avatars";
import { useClient } from "@/matrix/ClientProvider";
import { LoadFailure } from "@/matrix/LoadFailure";
import styles from "./newchat.module.css";
import { searchPeople } from "./searchPeople";
import type { Person } from "./searchPeople";

/** Finds a person by name or address. */
export function PersonPicker({ initial = "", busyId, onPick }: { initial?: string; busyId?: string | undefined; onPick: (person: Person) => void }): ReactElement {
  const { t } = useTranslation("newchat");
  const client = useClient();
  const [typed, setTyped] = useState(initial);
  const term = useDebounced(typed.trim());
  const search = useCallback(() => searchPeople(client, term), [client, term]);
  const { retry, ...result } = useLoad(search);
  const { state } = result;
  const people = result.data ?? [];

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
      <SearchField
        label={t("searchPeople")}
        // The dialog was opened to type here.
        // eslint-disable-next-line jsx-a11y/no-autofocus -- see above
        autoFocus
        autoCapitalize="none"
        spellCheck={false}
        value={typed}
        onValue={setTyped}
        onKeyDown={(event) => {
          if (event.key === "Enter" && people[0] && state === "done") onPick(people[0]);
        }}
        end={state === "loading" && term ? <Spinner size={16} /> : null}
      />
      <div aria-live="polite" className={styles.results}>
        {result.state === "failed" && <LoadFailure error={result.error} onRetry={retry} />}
        {!term && <Notice icon="person">{t("start")}</Notice>}
        {term && state === "done" && people.length === 0 && (
          <Notice icon="search" title={t("nobody", { query: term })}>
            {t("nobodyHint")}
          </Notice>
        )}
        {people.length > 0 && term && (
          <ul aria-label={t("people")}>
            {people.map((person) => (
              <li key={person.userId}>
                <ListRow
                  data-person={person.userId}
                  aria-busy={busyId === person.userId}
                  start={<PersonAvatar id={person.userId} name={person.name} mxc={person.avatar} size={40} />}
                  title={person.name}
                  note={person.userId}
                  end={busyId === person.userId && <Spinner size={16} />}
                  onClick={() => onPick(person)}
                />
              </li>
            ))}
          </ul>
        )}
      </div>
    </div>
  );
}
