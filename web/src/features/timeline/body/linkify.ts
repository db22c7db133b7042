/** Finds web addresses in plain text. */

export interface TextPart {
  readonly text: string;
  readonly href?: string;
}

const ADDRESS = /\bhttps?:\/\/[^\s<>"'`]+/giu;

export function linkify(text: string): readonly TextPart[] {
  const parts: TextPart[] = [];
  let at = 0;
  for (const match of text.matchAll(ADDRESS)) {
    const href = trimTail(match[0]);
    if (!isAddress(href)) continue;
    if (match.index > at) parts.push({ text: text.slice(at, match.index) });
    parts.push({ text: href, href });
    at = match.index + href.length;
  }
  if (at < text.length || parts.length === 0) parts.push({ text: text.slice(at) });
  return parts;
}

/** Punctuation at the end belongs to the sentence, unless it closes a bracket opened inside the address. */
function trimTail(address: string): string {
  let out = address;
  for (;;) {
    const last = out.at(-1) ?? "";
    if (/[.,:;!?*_~]/u.test(last)) out = out.slice(0, -1);
    else if (last === ")" && count(out, ")") > count(out, "(")) out = out.slice(0, -1);
    else if (last === "]" && count(out, "]") > count(out, "[")) out = out.slice(0, -1);
    else return out;
  }
}

function count(text: string, char: string): number {
  return text.split(char).length - 1;
}

function isAddress(href: string): boolean {
  try {
    return new URL(href).hostname.length > 0;
  } catch {
    return false;
  }
}
