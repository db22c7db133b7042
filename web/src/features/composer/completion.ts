/** What the word before the caret asks to be completed to. */

export interface Trigger {
  readonly kind: "emoji" | "person";
  readonly query: string;
  /** Where the word begins, its sign included. */
  readonly start: number;
  readonly end: number;
}

const WORD = /(?:^|[\s([{"'])(?:(:)([a-z0-9_+-]{2,})|(@)([^\s@:]{0,40}))$/iu;

export function triggerAt(text: string, caret: number): Trigger | undefined {
  const before = text.slice(Math.max(0, caret - 60), caret);
  const match = WORD.exec(before);
  if (!match) return undefined;
  const kind = match[1] === undefined ? "person" : "emoji";
  const query = match[2] ?? match[4] ?? "";
  return { kind, query, start: caret - query.length - 1, end: caret };
}

/** `:shortcode:` typed to its end; returns the name. */
export function closedShortcode(text: string, caret: number): { readonly code: string; readonly start: number } | undefined {
  const match = /(?:^|[\s\p{P}\p{Emoji_Presentation}]):([a-z0-9_+-]{1,40}):$/iu.exec(text.slice(Math.max(0, caret - 60), caret));
  const code = match?.[1];
  return code === undefined ? undefined : { code: code.toLowerCase(), start: caret - code.length - 2 };
}

export interface Replaced {
  readonly text: string;
  readonly caret: number;
}

export function replaceRange(text: string, start: number, end: number, by: string): Replaced {
  return { text: text.slice(0, start) + by + text.slice(end), caret: start + by.length };
}

export interface Person {
  readonly userId: string;
  readonly name: string;
}

/** People whose name or id begins so come before those who merely contain it. */
export function matchPeople<P extends Person>(people: readonly P[], query: string, limit = 8): readonly P[] {
  const wanted = fold(query);
  const rank = ({ name, userId }: P): number => {
    const folded = fold(name);
    if (folded.startsWith(wanted) || fold(userId.slice(1)).startsWith(wanted)) return 0;
    if (folded.split(/\s+/u).some((part) => part.startsWith(wanted))) return 1;
    return folded.includes(wanted) ? 2 : 3;
  };
  return people
    .map((person) => ({ person, rank: rank(person) }))
    .filter((entry) => entry.rank < 3)
    .sort((a, b) => a.rank - b.rank || a.person.name.localeCompare(b.person.name))
    .slice(0, limit)
    .map(({ person }) => person);
}

function fold(text: string): string {
  return text.normalize("NFD").replaceAll(/\p{M}/gu, "").toLocaleLowerCase();
}
