/** From what is typed to what is sent: Markdown to Matrix's HTML, mentions to links. */
import { Marked, type Tokens } from "marked";

export interface Mention {
  readonly userId: string;
  /** As it stands in the text, without the leading "@". */
  readonly name: string;
}

export interface Written {
  readonly body: string;
  /** Only when there is more to it than plain text. */
  readonly html?: string;
  readonly mentions: readonly string[];
}

const escape = (text: string): string =>
  text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;").replaceAll('"', "&quot;");

const marked = new Marked({
  gfm: true,
  breaks: true,
  renderer: {
    // What looks like HTML is what the person wrote, not markup.
    html: ({ text }: Tokens.HTML | Tokens.Tag) => escape(text),
    image: ({ href, text }: Tokens.Image) => `<a href="${escape(href)}">${escape(text || href)}</a>`,
    checkbox: ({ checked }: Tokens.Checkbox) => (checked ? "☑ " : "☐ "),
  },
});

/** A private-use character pair keeps a mention whole while Markdown is parsed. */
const OPEN = "\uE000";
const CLOSE = "\uE001";

export function write(text: string, mentions: readonly Mention[]): Written {
  const body = text.trim();
  const used = mentions.filter(({ name }) => body.includes(`@${name}`));
  const bySize = [...used].sort((a, b) => b.name.length - a.name.length);
  let marker = body.replaceAll(OPEN, "").replaceAll(CLOSE, "");
  bySize.forEach(({ name }, i) => {
    marker = marker.replaceAll(`@${name}`, `${OPEN}${i}${CLOSE}`);
  });
  const plain = `<p>${escape(marker).replaceAll("\n", "<br>")}</p>`;
  const rendered = (marked.parse(marker, { async: false }) as string).trim();
  const formatted = used.length > 0 || comparable(rendered) !== comparable(plain);
  return {
    body,
    mentions: [...new Set(used.map(({ userId }) => userId))],
    ...(formatted ? { html: unwrap(rendered).replaceAll(/\uE000(\d+)\uE001/gu, (_, i: string) => link(bySize[Number(i)])) } : {}),
  };
}

function link(mention: Mention | undefined): string {
  if (!mention) return "";
  return `<a href="https://matrix.to/#/${encodeURIComponent(mention.userId).replaceAll("%40", "@").replaceAll("%3A", ":")}">${escape(mention.name)}</a>`;
}

/** Ignores differences that nobody sees, such as how quotes are escaped or that addresses became links. */
function comparable(html: string): string {
  return html
    .replaceAll(/<a href="([^"]*)">\1<\/a>/gu, "$1")
    .replaceAll("&#39;", "'")
    .replaceAll(/\s*<br>\s*/gu, "<br>");
}

/** A single paragraph needs no <p>. */
function unwrap(html: string): string {
  const inner = /^<p>([\s\S]*)<\/p>$/u.exec(html)?.[1];
  return inner === undefined || inner.includes("<p>") ? html : inner;
}
