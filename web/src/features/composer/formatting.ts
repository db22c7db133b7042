/** Markdown put around what is selected in the text field. */

export interface Selected {
  readonly text: string;
  readonly start: number;
  readonly end: number;
}

/** Puts a sign on both sides of the selection, or takes it away from there. */
export function toggleSign({ text, start, end }: Selected, sign: string): Selected {
  const n = sign.length;
  const around = text.slice(start - n, start) === sign && text.slice(end, end + n) === sign;
  // "*" stands beside a selection that is bold as well; those are two other stars.
  const longer = sign === "*" && text.slice(start - 2, start) === "**" && text.slice(start - 3, start) !== "***";
  if (start >= n && around && !longer) {
    return { text: text.slice(0, start - n) + text.slice(start, end) + text.slice(end + n), start: start - n, end: end - n };
  }
  return { text: text.slice(0, start) + sign + text.slice(start, end) + sign + text.slice(end), start: start + n, end: end + n };
}

const ADDRESS = /^https?:\/\/\S+$/u;

/** An address pasted over words becomes their link; undefined when it is none, or there are no words. */
export function linkSelection({ text, start, end }: Selected, pasted: string): Selected | undefined {
  const words = text.slice(start, end);
  const address = pasted.trim();
  if (words.trim() === "" || words.includes("\n") || ADDRESS.test(words) || !ADDRESS.test(address)) return undefined;
  const link = `[${words}](${address})`;
  return { text: text.slice(0, start) + link + text.slice(end), start: start + link.length, end: start + link.length };
}

/** The sign of a key pressed together with Ctrl or Command. */
export const SIGNS: Readonly<Record<string, string>> = { b: "**", i: "*", e: "`" };
