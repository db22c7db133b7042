import { useEffect } from "react";
import type { CSSProperties, ReactElement } from "react";
import { useTranslation } from "react-i18next";
import { Icon } from "@/components/Icon";
import { hueOf } from "@/components/hue";
import { VisuallyHidden } from "@/components/VisuallyHidden";
import { FormattedBody } from "./body/FormattedBody";
import styles from "./Bubble.module.css";
import { useTimeline } from "./context";
import { formatFull, formatTime } from "./format";
import { AudioMessage, FileMessage } from "./media/FileMessage";
import { Picture } from "./media/Picture";
import { fitMedia } from "./model/mediaGeometry";
import type { Content, Delivery, MessageItem, Quote } from "./model/types";

/** A message's body with its time and state in the last line. */
export function Bubble({ item }: { item: MessageItem }): ReactElement {
  const { content } = item;
  const visual = content.kind === "image" || content.kind === "video";
  const bare = content.kind === "text" && content.bigEmoji && !item.quote;
  const width = visual ? fitMedia(content.width, content.height).width + 8 : undefined;
  const captioned = "caption" in content && content.caption !== undefined;
  return (
    <div
      className={styles.bubble}
      data-kind={content.kind}
      data-bare={bare || undefined}
      style={width === undefined ? undefined : { inlineSize: width }}
    >
      {item.quote && <QuoteBlock quote={item.quote} />}
      <Body item={item} content={content} />
      {!captioned && <Meta item={item} over={visual} />}
    </div>
  );
}

function Body({ item, content }: { item: MessageItem; content: Content }): ReactElement {
  const { t } = useTranslation("timeline");
  const { viewModel, restore } = useTimeline();
  switch (content.kind) {
    case "text":
      return (
        <>
          {content.tone === "emote" && <span className={styles.emote}>{item.senderName} </span>}
          <FormattedBody body={content.body} html={content.html} me={viewModel.me} />
        </>
      );
    case "image":
    case "video":
    case "audio":
    case "file":
      return (
        <>
          {content.kind === "image" || content.kind === "video" ? (
            <Picture item={item} media={content} kind={content.kind} />
          ) : content.kind === "audio" ? (
            <AudioMessage item={item} media={content} />
          ) : (
            <FileMessage item={item} media={content} />
          )}
          {content.caption !== undefined && (
            <div className={styles.caption}>
              <FormattedBody body={content.caption} html={content.captionHtml} me={viewModel.me} />
              <Meta item={item} over={false} />
            </div>
          )}
        </>
      );
    case "deleted":
      return (
        <>
          <span className={styles.quiet}>{content.bySelf ? t("deleted") : t("deletedByOther")}</span>
          {content.undoable && (
            <button type="button" className={styles.undo} onClick={() => restore(item)}>
              {t("undo")}
            </button>
          )}
        </>
      );
    case "locked":
      return (
        <span className={styles.quiet}>
          <Icon name="lock" size={16} /> {t("locked")}
        </span>
      );
    case "unsupported":
      return (
        <>
          {content.body !== undefined && <FormattedBody body={content.body} />}
          <span className={styles.quiet}> {t("unsupported")}</span>
        </>
      );
  }
}

function Meta({ item, over }: { item: MessageItem; over: boolean }): ReactElement {
  const { t } = useTranslation("timeline");
  return (
    <time className={styles.meta} data-over={over || undefined} dateTime={new Date(item.ts).toISOString()} title={formatFull(item.ts)}>
      {item.edited && <span>{t("edited")}</span>}
      {formatTime(item.ts)}
      {item.delivery && <DeliveryMark delivery={item.delivery} />}
    </time>
  );
}

const MARKS = { sending: "clock", sent: "check", read: "checks", failed: "alert" } as const;

function DeliveryMark({ delivery }: { delivery: Delivery }): ReactElement {
  const { t } = useTranslation("timeline");
  return (
    <span className={styles.delivery} data-delivery={delivery} role="img" aria-label={t(`delivery.${delivery}`)}>
      <Icon name={MARKS[delivery]} size={15} />
    </span>
  );
}

function QuoteBlock({ quote }: { quote: Quote }): ReactElement {
  const { t } = useTranslation("timeline");
  const { jump, viewModel } = useTimeline();
  useEffect(() => {
    if (quote.state === "loading") void viewModel.fetchQuote(quote.id);
  }, [quote.state, quote.id, viewModel]);
  if (quote.state !== "ready") return <div className={styles.quote}>{t(`quote.${quote.state}`)}</div>;
  return (
    <button
      type="button"
      className={styles.quote}
      style={{ "--h": hueOf(quote.sender ?? "") } as CSSProperties}
      onClick={() => jump(quote.id)}
    >
      <VisuallyHidden>{t("quote.jump")} </VisuallyHidden>
      <b dir="auto">{quote.senderName}</b>
      <span dir="auto">{quote.text === "" ? "…" : quote.text}</span>
    </button>
  );
}
