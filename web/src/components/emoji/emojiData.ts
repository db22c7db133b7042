/** The emoji and how they are found. The data is a chunk of its own, loaded when first needed. */

export interface Emoji {
  readonly char: string;
  readonly label: string;
  /** Names for `:shortcode:`, the usual one first. */
  readonly codes: readonly string[];
  readonly group: number;
  /** Skin tones from light to dark, where the emoji has them. */
  readonly skins: readonly string[];
  /** Everything it can be found by, in lower case. */
  readonly words: readonly string[];
}

export interface EmojiSet {
  readonly all: readonly Emoji[];
  readonly byCode: ReadonlyMap<string, Emoji>;
  /** By `bare` characters, in any skin tone. */
  readonly byChar: ReadonlyMap<string, Emoji>;
}

/** Emojibase's groups that people pick from; "component" (2) holds bare skin tones. */
export const GROUPS = [0, 1, 3, 4, 5, 6, 7, 8, 9] as const;

interface RawEmoji {
  readonly hexcode: string;
  readonly label: string;
  readonly unicode: string;
  readonly group?: number;
  readonly tags?: readonly string[];
  readonly skins?: readonly { readonly unicode: string }[];
}
type RawCodes = Readonly<Record<string, string | readonly string[]>>;

let loading: Promise<EmojiSet> | undefined;

export function loadEmoji(): Promise<EmojiSet> {
  loading ??= Promise.all([
    import("emojibase-data/en/compact.json"),
    import("emojibase-data/en/shortcodes/iamcal.json"),
  ]).then(([data, codes]) => build(data.default as readonly RawEmoji[], codes.default as RawCodes));
  // A failed download is tried again next time.
  loading.catch(() => (loading = undefined));
  return loading;
}

export function build(data: readonly RawEmoji[], codes: RawCodes): EmojiSet {
  const all = data
    .filter((raw) => raw.group !== undefined && raw.group !== 2)
    .map((raw): Emoji => {
      const named = codes[raw.hexcode] ?? [];
      const own = typeof named === "string" ? [named] : named;
      return {
        char: raw.unicode,
        label: raw.label,
        codes: own,
        group: raw.group ?? 0,
        skins: raw.skins?.map((skin) => skin.unicode) ?? [],
        words: [...own, ...raw.label.toLowerCase().split(/[\s:,-]+/u), ...(raw.tags ?? [])],
      };
    });
  return {
    all,
    byCode: new Map(all.flatMap((emoji) => emoji.codes.map((code) => [code, emoji] as const))),
    byChar: new Map(all.flatMap((emoji) => [emoji.char, ...emoji.skins].map((char) => [bare(char), emoji] as const))),
  };
}

/** Without the sign that asks for colour, which some write and some leave out. */
function bare(char: string): string {
  return char.replaceAll("\uFE0F", "");
}

export function labelOf(set: EmojiSet, char: string): string {
  return set.byChar.get(bare(char))?.label ?? char;
}

/** Best first: exact name, then names that start so, then any word that starts so. */
export function searchEmoji(set: EmojiSet, query: string, limit = 60): readonly Emoji[] {
  const terms = query.toLowerCase().trim().split(/\s+/u).filter(Boolean);
  if (terms.length === 0) return [];
  const ranked: { emoji: Emoji; rank: number }[] = [];
  for (const emoji of set.all) {
    let rank = 0;
    for (const term of terms) {
      const own = rankOf(emoji, term);
      if (own === undefined) {
        rank = -1;
        break;
      }
      rank += own;
    }
    if (rank >= 0) ranked.push({ emoji, rank });
  }
  return ranked
    .sort((a, b) => a.rank - b.rank)
    .slice(0, limit)
    .map(({ emoji }) => emoji);
}

function rankOf(emoji: Emoji, term: string): number | undefined {
  if (emoji.codes.includes(term) || emoji.label === term) return 0;
  if (emoji.codes.some((code) => code.startsWith(term))) return 1;
  if (emoji.words.includes(term)) return 2;
  if (emoji.words.some((word) => word.startsWith(term))) return 3;
  return undefined;
}

/** The emoji in the chosen skin tone: 0 is the neutral one, 1 to 5 run from light to dark. */
export function inTone(emoji: Emoji, tone: number): string {
  return emoji.skins[tone - 1] ?? emoji.char;
}
