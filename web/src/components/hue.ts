/** A stable hue (0–359) for a user or room id, so that a person has one colour everywhere. */
export function hueOf(id: string): number {
  let hash = 2166136261;
  for (let i = 0; i < id.length; i++) {
    hash = Math.imul(hash ^ id.charCodeAt(i), 16777619);
  }
  return (hash >>> 0) % 360;
}

const separators = /[\s._\-–—/|:]+/u;

/** One or two initials of a name, by grapheme; a leading @, # or ! is not part of a name. */
export function initialsOf(name: string): string {
  const words = name
    .replace(/^[@#!+]/, "")
    .split(separators)
    .filter(Boolean);
  const first = firstGrapheme(words[0] ?? "");
  const second = words.length > 1 ? firstGrapheme(words[1] ?? "") : "";
  return (first + second).toLocaleUpperCase() || "?";
}

const graphemes = new Intl.Segmenter(undefined, { granularity: "grapheme" });

function firstGrapheme(text: string): string {
  return graphemes.segment(text)[Symbol.iterator]().next().value?.segment ?? "";
}
