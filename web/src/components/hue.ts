/** A stable hue (0–359) for a user or room id, so that a person has one colour everywhere. */
export function hueOf(id: string): number {
  let hash = 2166136261;
  for (let i = 0; i < id.length; i++) {
    hash = Math.imul(hash ^ id.charCodeAt(i), 16777619);
  }
  // Spread: ids that differ in a letter get hues far apart.
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return ((hash ^ (hash >>> 16)) >>> 0) % 360;
}

const separators = /[\s._\-–—/|:]+/u;

/** Two initials of a name, by grapheme: of its first two words, or the beginning of its only one. Signs between words, as in "Wind & weather", are none. */
export function initialsOf(name: string): string {
  const words = name
    .replace(/^[@#!+]/, "")
    .split(separators)
    .filter((word) => /[\p{L}\p{N}\p{Extended_Pictographic}]/u.test(word));
  const [one = "", two] = words;
  const first = firstGrapheme(one);
  const second = firstGrapheme(two ?? one.slice(first.length));
  return (first + second).toLocaleUpperCase() || "?";
}

const graphemes = new Intl.Segmenter(undefined, { granularity: "grapheme" });

function firstGrapheme(text: string): string {
  return graphemes.segment(text)[Symbol.iterator]().next().value?.segment ?? "";
}
