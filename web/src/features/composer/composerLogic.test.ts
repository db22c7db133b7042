import type { MatrixEvent } from "matrix-js-sdk";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { closedShortcode, matchPeople, replaceRange, triggerAt } from "./completion";
import { loadDraft, saveDraft } from "./drafts";
import { write } from "./markdown";
import { messageContent } from "./message";
import { TypingNotifier } from "./TypingNotifier";

describe("write", () => {
  it.each([
    ["hello", undefined],
    ["it's 1 < 2 & \"fine\"", undefined],
    ["two\nlines", undefined],
    ["see https://a.example/x?y=1", undefined],
    ["**bold** and *soft*", "<strong>bold</strong> and <em>soft</em>"],
    ["`code`", "<code>code</code>"],
    ["- a\n- b", "<ul>\n<li>a</li>\n<li>b</li>\n</ul>"],
    ["> quoted", "<blockquote>\n<p>quoted</p>\n</blockquote>"],
    ["[x](https://a.example)", '<a href="https://a.example">x</a>'],
    ["**<img src=x onerror=alert(1)>**", "<strong>&lt;img src=x onerror=alert(1)&gt;</strong>"],
  ])("turns %j into %j", (text, html) => {
    const out = write(text, []);
    expect(out.body).toBe(text);
    expect(out.html).toBe(html);
  });

  it("links the people who are still in the text, longest name first", () => {
    const people = [
      { userId: "@ada:x", name: "Ada" },
      { userId: "@ada2:x", name: "Ada Okafor" },
      { userId: "@tom:x", name: "Tom" },
    ];
    const out = write("@Ada Okafor and @Ada", people);
    expect(out.html).toBe('<a href="https://matrix.to/#/@ada2:x">Ada Okafor</a> and <a href="https://matrix.to/#/@ada:x">Ada</a>');
    expect(out.mentions).toEqual(["@ada:x", "@ada2:x"]);
  });

  it("keeps names that look like Markdown as they are", () => {
    expect(write("hi @_x_*y*", [{ userId: "@x:x", name: "_x_*y*" }]).html).toBe('hi <a href="https://matrix.to/#/@x:x">_x_*y*</a>');
  });
});

describe("messageContent", () => {
  const event = { getId: () => "$1", getSender: () => "@ada:x", getContent: () => ({ "m.mentions": { user_ids: ["@tom:x"] } }) } as unknown as MatrixEvent;
  const written = { body: "hi", mentions: ["@tom:x"] };

  it("always says who is mentioned, also when nobody is", () => {
    expect(messageContent({ body: "hi", mentions: [] }, null)).toEqual({ msgtype: "m.text", body: "hi", "m.mentions": {} });
  });

  it("answers a message and mentions its sender", () => {
    expect(messageContent(written, { kind: "reply", event })).toMatchObject({
      "m.relates_to": { "m.in_reply_to": { event_id: "$1" } },
      "m.mentions": { user_ids: ["@tom:x", "@ada:x"] },
    });
  });

  it("edits a message without telling the same people again", () => {
    expect(messageContent(written, { kind: "edit", event })).toMatchObject({
      body: "* hi",
      "m.mentions": {},
      "m.new_content": { body: "hi", "m.mentions": { user_ids: ["@tom:x"] } },
      "m.relates_to": { rel_type: "m.replace", event_id: "$1" },
    });
  });
});

describe("completion", () => {
  it.each([
    ["hi :tom", "emoji", "tom"],
    ["@", "person", ""],
    ["hey @Ad", "person", "Ad"],
  ])("%j asks for %s", (text, kind, query) => {
    expect(triggerAt(text, text.length)).toMatchObject({ kind, query, start: text.length - query.length - 1 });
  });
  it.each(["10:30", "a@b", "http://x", ":", "hello"])("%j asks for nothing", (text) => {
    expect(triggerAt(text, text.length)).toBeUndefined();
  });
  it("sees a finished shortcode", () => {
    expect(closedShortcode("so :tada:", 9)).toEqual({ code: "tada", start: 3 });
    expect(closedShortcode("10:30:", 6)).toBeUndefined();
  });
  it("replaces and says where the caret goes", () => {
    expect(replaceRange("a :to b", 2, 5, "🍅 ")).toEqual({ text: "a 🍅  b", caret: 5 });
  });
  it("finds people without their accents, best first", () => {
    const people = ["Tomás Brandt", "Ada Tom", "Customer"].map((name) => ({ name, userId: `@${name.length}:x` }));
    expect(matchPeople(people, "tomas").map((p) => p.name)).toEqual(["Tomás Brandt"]);
    expect(matchPeople(people, "tom").map((p) => p.name)).toEqual(["Tomás Brandt", "Ada Tom", "Customer"]);
  });
});

describe("drafts", () => {
  it("stay with their room and person", () => {
    saveDraft("@a", "!1", { text: "hello", mentions: [] });
    expect(loadDraft("@a", "!1").text).toBe("hello");
    expect(loadDraft("@a", "!2").text).toBe("");
    expect(loadDraft("@b", "!1").text).toBe("");
    saveDraft("@a", "!1", { text: "  ", mentions: [] });
    expect(loadDraft("@a", "!1").text).toBe("");
  });
  it("survive rubbish in the storage", () => {
    localStorage.setItem("chatbook.draft.@a.!3", '{"text":5}');
    expect(loadDraft("@a", "!3").text).toBe("");
  });
});

describe("TypingNotifier", () => {
  beforeEach(() => void vi.useFakeTimers({ now: 0 }));
  afterEach(() => void vi.useRealTimers());

  it("tells at most every four seconds and once when it stops", () => {
    const told: boolean[] = [];
    const typing = new TypingNotifier((on) => told.push(on), () => Date.now());
    for (let i = 0; i < 80; i++) {
      typing.typed();
      vi.advanceTimersByTime(100);
    }
    expect(told).toEqual([true, true]);
    vi.advanceTimersByTime(5000);
    expect(told).toEqual([true, true, false]);
    typing.stop();
    expect(told).toHaveLength(3);
  });
});
