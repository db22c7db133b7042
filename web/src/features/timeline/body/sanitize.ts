/**
 * Makes a sender's HTML safe to show: Matrix's allowed tags and attributes only (Client-Server API, m.room.message
 * "formatted_body"), links that open elsewhere without a referrer, and people as pills.
 */
import DOMPurify from "dompurify";
import { linkify } from "./linkify";

const TAGS = [
  "del", "h1", "h2", "h3", "h4", "h5", "h6", "blockquote", "p", "a", "ul", "ol", "sup", "sub", "li", "b", "i", "u",
  "strong", "em", "s", "code", "hr", "br", "div", "table", "thead", "tbody", "tr", "th", "td", "caption", "pre",
  "span", "details", "summary",
];
const ATTRIBUTES = ["href", "start", "class", "data-mx-spoiler"];
const SCHEMES = /^(?:https?|ftp|mailto|magnet):/iu;
const MAX_DEPTH = 100;
const PERSON = /^https:\/\/matrix\.to\/#\/((?:@|%40)[^/?]+)/iu;

export interface SanitizeOptions {
  /** The reader, whose own mentions stand out. */
  readonly me?: string | undefined;
}

export function sanitize(html: string, { me }: SanitizeOptions = {}): Element {
  const root = DOMPurify.sanitize(withoutReplyFallback(html), {
    ALLOWED_TAGS: [...TAGS, "#text"],
    ALLOWED_ATTR: ATTRIBUTES,
    ALLOW_DATA_ATTR: false,
    ALLOW_ARIA_ATTR: false,
    ALLOWED_URI_REGEXP: SCHEMES,
    RETURN_DOM: true,
  }) as Element;
  flattenTooDeep(root);
  for (const element of root.querySelectorAll("*")) tidy(element, me);
  linkTexts(root);
  return root;
}

/** Older clients quote the message replied to inside the body; the quote is drawn from the relation instead. */
export function withoutReplyFallback(html: string): string {
  return html.replace(/<mx-reply>[\s\S]*?<\/mx-reply>/iu, "");
}

/** The same for the plain body: leading lines that start with ">" and the empty line after them. */
export function plainWithoutReplyFallback(body: string): string {
  const lines = body.split("\n");
  let at = 0;
  while (lines[at]?.startsWith("> ") || lines[at] === ">") at++;
  if (at === 0) return body;
  if (lines[at] === "") at++;
  return lines.slice(at).join("\n");
}

function tidy(element: Element, me: string | undefined): void {
  const tag = element.tagName;
  if (tag === "A") return tidyLink(element, me);
  const language = tag === "CODE" ? /\blanguage-[\w+#-]+/u.exec(element.className)?.[0] : undefined;
  if (language) element.className = language;
  else element.removeAttribute("class");
  if (tag === "PRE") element.setAttribute("tabindex", "0");
  if (tag === "SPAN" && element.hasAttribute("data-mx-spoiler")) {
    element.setAttribute("tabindex", "0");
    element.setAttribute("role", "button");
    element.setAttribute("aria-expanded", "false");
  }
  if (tag === "TABLE") element.setAttribute("tabindex", "0");
}

function tidyLink(link: Element, me: string | undefined): void {
  const href = link.getAttribute("href") ?? "";
  const person = PERSON.exec(href)?.[1];
  link.removeAttribute("class");
  if (person !== undefined) {
    const userId = decode(person);
    const pill = link.ownerDocument.createElement("span");
    pill.className = userId === me ? "mention mention-me" : "mention";
    pill.title = userId;
    const name = (link.textContent || userId).trim();
    pill.textContent = name.startsWith("@") ? name : `@${name}`;
    link.replaceWith(pill);
    return;
  }
  if (!SCHEMES.test(href)) {
    link.replaceWith(...link.childNodes);
    return;
  }
  link.setAttribute("target", "_blank");
  link.setAttribute("rel", "noopener noreferrer nofollow");
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** Nesting beyond the specification's limit of 100 is cut to its text. */
function flattenTooDeep(root: Element): void {
  const walk = (element: Element, depth: number): void => {
    if (depth >= MAX_DEPTH) element.replaceChildren(element.textContent ?? "");
    else for (const child of [...element.children]) walk(child, depth + 1);
  };
  walk(root, 0);
}

function linkTexts(root: Element): void {
  const walker = root.ownerDocument.createTreeWalker(root, NodeFilter.SHOW_TEXT);
  const texts: Text[] = [];
  while (walker.nextNode()) texts.push(walker.currentNode as Text);
  for (const text of texts) {
    if (text.parentElement?.closest("a, code, pre, .mention")) continue;
    const parts = linkify(text.data);
    if (parts.every((part) => part.href === undefined)) continue;
    text.replaceWith(
      ...parts.map((part) => {
        if (part.href === undefined) return part.text;
        const link = root.ownerDocument.createElement("a");
        link.href = part.href;
        link.target = "_blank";
        link.rel = "noopener noreferrer nofollow";
        link.textContent = part.text;
        return link;
      }),
    );
  }
}
