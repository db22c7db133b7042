import { createElement, Fragment, memo, useMemo, useState } from "react";
import type { ReactElement, ReactNode } from "react";
import { useTranslation } from "react-i18next";
import styles from "./FormattedBody.module.css";
import { linkify } from "./linkify";
import { sanitize } from "./sanitize";

export interface FormattedBodyProps {
  readonly body: string;
  readonly html?: string | undefined;
  readonly me?: string | undefined;
}

/** The words of a message: formatted where the sender formatted them, with links either way. */
export const FormattedBody = memo(function FormattedBody({ body, html, me }: FormattedBodyProps): ReactElement {
  const content = useMemo(() => (html === undefined ? plain(body) : nodes(sanitize(html, { me }))), [body, html, me]);
  return (
    <div className={styles.body} dir="auto" data-formatted={html !== undefined || undefined}>
      {content}
    </div>
  );
});

function plain(body: string): ReactNode {
  return linkify(body).map((part, i) =>
    part.href === undefined ? (
      <Fragment key={i}>{part.text}</Fragment>
    ) : (
      <a key={i} href={part.href} target="_blank" rel="noopener noreferrer nofollow">
        {part.text}
      </a>
    ),
  );
}

const ATTRIBUTES: Readonly<Record<string, string>> = {
  href: "href",
  target: "target",
  rel: "rel",
  title: "title",
  start: "start",
  tabindex: "tabIndex",
};

/** Sanitised nodes as React elements: nothing is ever assigned as HTML. */
function nodes(parent: Node): ReactNode[] {
  return [...parent.childNodes].map((node, i) => {
    if (node instanceof Text) return node.data;
    if (!(node instanceof Element)) return null;
    const tag = node.tagName.toLowerCase();
    const spoiler = node.getAttribute("data-mx-spoiler");
    if (spoiler !== null) return <Spoiler key={i} reason={spoiler}>{nodes(node)}</Spoiler>;
    const props: Record<string, unknown> = { key: i };
    for (const { name, value } of node.attributes) {
      const prop = ATTRIBUTES[name];
      if (prop) props[prop] = prop === "tabIndex" || prop === "start" ? Number(value) : value;
    }
    if (node.classList.contains("mention")) props["className"] = styles.mention;
    if (node.classList.contains("mention-me")) props["data-me"] = true;
    return node.childNodes.length > 0 ? createElement(tag, props, ...nodes(node)) : createElement(tag, props);
  });
}

function Spoiler({ reason, children }: { reason: string; children: ReactNode }): ReactElement {
  const { t } = useTranslation("timeline");
  const [open, setOpen] = useState(false);
  if (open) return <span className={styles.spoilerOpen}>{children}</span>;
  return (
    <button type="button" className={styles.spoiler} onClick={() => setOpen(true)}>
      {reason ? t("spoilerReason", { reason }) : t("spoiler")}
    </button>
  );
}
