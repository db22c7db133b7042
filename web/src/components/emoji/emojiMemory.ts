/** What was picked last and in which skin tone, kept in this browser. */

const RECENT = "chatbook.emoji.recent";
const TONE = "chatbook.emoji.tone";
const KEPT = 24;
const FIRST: readonly string[] = ["👍", "❤️", "😂", "🎉", "😮", "😢", "🙏", "👀"];

export function recentEmoji(): readonly string[] {
  try {
    const saved: unknown = JSON.parse(localStorage.getItem(RECENT) ?? "[]");
    const own = Array.isArray(saved) ? saved.filter((x): x is string => typeof x === "string") : [];
    return [...own, ...FIRST.filter((char) => !own.includes(char))].slice(0, KEPT);
  } catch {
    return FIRST;
  }
}

export function rememberEmoji(char: string): void {
  save(RECENT, JSON.stringify([char, ...recentEmoji().filter((other) => other !== char)].slice(0, KEPT)));
}

export function skinTone(): number {
  const tone = Number(localStorage.getItem(TONE) ?? 0);
  return tone >= 0 && tone <= 5 ? tone : 0;
}

export function rememberSkinTone(tone: number): void {
  save(TONE, String(tone));
}

function save(key: string, value: string): void {
  try {
    localStorage.setItem(key, value);
  } catch {
    // A full or forbidden storage costs the memory, not the emoji.
  }
}
