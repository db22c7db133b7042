/** Whether a message is nothing but a few emoji, which are then drawn large. */

const MOST = 6;
// Built at run time because the "v" flag, which knows whole emoji sequences, is newer than the compile target.
const EMOJI = new RegExp("^(?:\\p{RGI_Emoji}|\\p{Emoji_Presentation}|\\p{Extended_Pictographic}\\uFE0F?)$", "v");
const segmenter = new Intl.Segmenter(undefined, { granularity: "grapheme" });

export function isEmojiOnly(text: string): boolean {
  const compact = text.replaceAll(/\s/gu, "");
  // A grapheme is at most a few dozen code units; anything longer is not worth segmenting.
  if (compact.length === 0 || compact.length > MOST * 40) return false;
  let seen = 0;
  for (const { segment } of segmenter.segment(compact)) {
    if (!EMOJI.test(segment) || ++seen > MOST) return false;
  }
  return true;
}
