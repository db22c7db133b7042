import { describe, expect, it } from "vitest";
import { inTone, labelOf, loadEmoji, searchEmoji } from "./emojiData";
import { recentEmoji, rememberEmoji } from "./emojiMemory";

describe("emoji", () => {
  it.each([
    ["tomato", "🍅"],
    ["thumbsup", "👍️"],
    ["heart", "❤️"],
    ["tada", "🎉"],
  ])("finds %s first", async (query, char) => {
    const found = searchEmoji(await loadEmoji(), query)[0]?.char ?? "";
    expect(found.replaceAll("\uFE0F", "")).toBe(char.replaceAll("\uFE0F", ""));
  });

  it("finds by several words, and nothing for nonsense", async () => {
    const set = await loadEmoji();
    expect(searchEmoji(set, "red heart")[0]?.char).toContain("❤");
    expect(searchEmoji(set, "qwxzy")).toEqual([]);
    expect(searchEmoji(set, "   ")).toEqual([]);
  });

  it("knows shortcodes and skin tones", async () => {
    const set = await loadEmoji();
    const wave = set.byCode.get("wave");
    expect(wave && inTone(wave, 3)).toBe("👋🏽");
    expect(wave && inTone(wave, 0)).toBe("👋");
    const tomato = set.byCode.get("tomato");
    expect(tomato && inTone(tomato, 3)).toBe("🍅");
  });

  it("knows the name of an emoji however it is written", async () => {
    const set = await loadEmoji();
    expect(labelOf(set, "👍")).toBe("thumbs up");
    expect(labelOf(set, "👍️")).toBe("thumbs up");
    expect(labelOf(set, "👍🏿")).toBe("thumbs up");
    expect(labelOf(set, "?")).toBe("?");
  });

  it("puts what was picked last in front, once", () => {
    rememberEmoji("🦔");
    rememberEmoji("👍");
    rememberEmoji("🦔");
    expect(recentEmoji().slice(0, 2)).toEqual(["🦔", "👍"]);
    expect(recentEmoji().filter((char) => char === "👍")).toHaveLength(1);
  });

  it("survives a broken memory", () => {
    localStorage.setItem("chatbook.emoji.recent", "{");
    expect(recentEmoji().length).toBeGreaterThan(0);
  });
});
