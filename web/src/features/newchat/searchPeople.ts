import type { MatrixClient } from "matrix-js-sdk";

export interface Person {
  userId: string;
  name: string;
  avatar: string | undefined;
}

const FULL_ID = /^@[^:\s]+:\S+$/;

/**
 * People fitting what was typed: from the server's directory, and the one whose full address
 * it is even when the directory does not list them. The person searching is left out.
 */
export async function searchPeople(client: MatrixClient, typed: string, limit = 20): Promise<Person[]> {
  const term = typed.trim();
  if (!term) return [];
  const exact = FULL_ID.test(term) ? term : undefined;
  const [found, profile] = await Promise.all([
    client.searchUserDirectory({ term: term.replace(/^@/, "").split(":")[0] || term, limit }).catch((error: unknown) => {
      if (exact) return { results: [], limited: false };
      throw error;
    }),
    exact ? client.getProfileInfo(exact).catch(() => undefined) : undefined,
  ]);
  const people = found.results.map((user) => ({ userId: user.user_id, name: user.display_name || user.user_id, avatar: user.avatar_url }));
  if (exact && profile && !people.some((person) => person.userId === exact)) {
    people.unshift({ userId: exact, name: profile.displayname || exact, avatar: profile.avatar_url });
  }
  return people.filter((person) => person.userId !== client.getUserId());
}
