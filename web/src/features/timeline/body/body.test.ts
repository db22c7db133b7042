import { describe, expect, it } from "vitest";
import { isEmojiOnly } from "./emojiOnly";
import { linkify } from "./linkify";
import { plainWithoutReplyFallback, sanitize as sanitizeToDom, type SanitizeOptions } from "./sanitize";

const sanitize = (html: string, options?: SanitizeOptions): string => sanitizeToDom(html, options).innerHTML;

describe("sanitize", () => {
  it.each([
    ["<script>alert(1)</script>hi", "hi"],
    ['<img src="x" onerror="alert(1)">hi', "hi"],
    ['<b onclick="alert(1)">hi</b>', "<b>hi</b>"],
    ['<a href="javascript:alert(1)">hi</a>', "hi"],
    ['<a href="java\nscript:alert(1)">hi</a>', "hi"],
    ['<a href="data:text/html,x">hi</a>', "hi"],
    ["<svg><script>alert(1)</script></svg>", ""],
    ["<style>*{display:none}</style>hi", "hi"],
    ['<p style="position:fixed">hi</p>', "<p>hi</p>"],
    ["<iframe src=https://a.example></iframe>hi", "hi"],
    ['<p class="anything">hi</p>', "<p>hi</p>"],
    ["<math><mtext></mtext><mglyph><style><!--</style><img src onerror=alert(1)>", ""],
  ])("takes the teeth out of %s", (html, safe) => {
    expect(sanitize(html)).toBe(safe);
  });

  it("keeps Matrix's formatting", () => {
    const html = "<p>a <strong>b</strong> <em>c</em> <del>d</del></p><ul><li>e</li></ul><blockquote>f</blockquote>";
    expect(sanitize(html)).toBe(html);
  });

  it("opens links elsewhere, without a referrer or an opener", () => {
    expect(sanitize('<a href="https://a.example/x">x</a>')).toBe(
      '<a href="https://a.example/x" target="_blank" rel="noopener noreferrer nofollow">x</a>',
    );
  });

  it("draws people as pills and makes the reader's own stand out", () => {
    const html = '<a href="https://matrix.to/#/@ada:localhost">Ada</a>';
    expect(sanitize(html)).toBe('<span class="mention" title="@ada:localhost">@Ada</span>');
    expect(sanitize(html, { me: "@ada:localhost" })).toContain("mention-me");
    expect(sanitize(html.replace("@ada:localhost", encodeURIComponent("@ada:localhost")), { me: "@ada:localhost" })).toContain("mention-me");
  });

  it("drops the quote that older clients put into replies", () => {
    expect(sanitize("<mx-reply><blockquote>old</blockquote></mx-reply>new")).toBe("new");
    expect(plainWithoutReplyFallback("> <@a:b> old\n> more\n\nnew\n> kept")).toBe("new\n> kept");
  });

  it("keeps the language of a code block and nothing else", () => {
    expect(sanitize('<pre><code class="language-rust evil">x</code></pre>')).toBe(
      '<pre tabindex="0"><code class="language-rust">x</code></pre>',
    );
  });

  it("links bare addresses, but not inside code", () => {
    expect(sanitize("see https://a.example.")).toContain('<a href="https://a.example"');
    expect(sanitize("<code>https://a.example</code>")).toBe("<code>https://a.example</code>");
  });

  it("survives nesting deeper than the limit", () => {
    const html = "<div>".repeat(500) + "x" + "</div>".repeat(500);
    const out = sanitize(html);
    expect(out.split("<div>").length - 1).toBeLessThanOrEqual(100);
    expect(out).toContain("x");
  });
});

describe("linkify", () => {
  it.each([
    ["go to https://a.example/x, now", ["go to ", "https://a.example/x", ", now"]],
    ["(https://a.example/x_(y))", ["(", "https://a.example/x_(y)", ")"]],
    ["nothing here", ["nothing here"]],
    ["https://", ["https://"]],
  ])("splits %s", (text, parts) => {
    expect(linkify(text).map((part) => part.text)).toEqual(parts);
  });
});

describe("isEmojiOnly", () => {
  it.each(["👌", "🍅 ❤️ 🎉", "👩‍👩‍👧‍👦", "👋🏽", "🇧🇪", "1️⃣"])("enlarges %s", (text) => {
    expect(isEmojiOnly(text)).toBe(true);
  });
  it.each(["", "1", "ok 👌", "👌👌👌👌👌👌👌", "#", "a"])("leaves %j alone", (text) => {
    expect(isEmojiOnly(text)).toBe(false);
  });
});
