/** Reads a message event's content, trusting nothing about its shape. */
import { EventType, MsgType, RelationType, type MatrixEvent } from "matrix-js-sdk";
import { isEmojiOnly } from "@/features/timeline/body/emojiOnly";
import { plainWithoutReplyFallback } from "@/features/timeline/body/sanitize";
import { text } from "./system";
import type { Content, MediaFacts } from "./types";

type Raw = Readonly<Record<string, unknown>>;

const LONGEST_BODY = 60_000;

export function readContent(event: MatrixEvent): Content {
  if (event.isRedacted()) {
    const by = event.getRedactionEvent()?.sender;
    return { kind: "deleted", bySelf: by === undefined || by === event.getSender() };
  }
  if (event.isEncrypted() && (event.isDecryptionFailure() || event.isBeingDecrypted() || !event.getClearContent())) {
    return { kind: "locked" };
  }
  const content = currentContent(event);
  if (event.getType() === String(EventType.Sticker)) return media("image", content) ?? unsupported(content);
  if (event.getType() !== String(EventType.RoomMessage)) return unsupported(content);
  switch (content["msgtype"]) {
    case MsgType.Text:
      return textual(event, content, "plain");
    case MsgType.Notice:
      return textual(event, content, "notice");
    case MsgType.Emote:
      return textual(event, content, "emote");
    case MsgType.Image:
      return media("image", content) ?? unsupported(content);
    case MsgType.Video:
      return media("video", content) ?? unsupported(content);
    case MsgType.Audio:
      return media("audio", content) ?? unsupported(content);
    case MsgType.File:
      return media("file", content) ?? unsupported(content);
    default:
      return unsupported(content);
  }
}

/** The text of a message in one line, for quotes, announcements and copying. */
export function summaryOf(content: Content): string {
  switch (content.kind) {
    case "text":
      return content.body;
    case "image":
    case "video":
    case "audio":
    case "file":
      return content.caption ?? content.name;
    case "unsupported":
      return content.body ?? "";
    default:
      return "";
  }
}

/** The newest edit's content, also when only the server's bundle knows of it (old messages, edited much later). */
function currentContent(event: MatrixEvent): Raw {
  if (event.replacingEvent()) return event.getContent();
  const bundle = bundledEdit(event);
  return bundle ?? event.getContent();
}

export function isEdited(event: MatrixEvent): boolean {
  return event.replacingEvent() !== null || bundledEdit(event) !== undefined;
}

function bundledEdit(event: MatrixEvent): Raw | undefined {
  const edit: unknown = event.getServerAggregatedRelation<unknown>(RelationType.Replace);
  if (!isRaw(edit) || edit["sender"] !== event.getSender() || !isRaw(edit["content"])) return undefined;
  const fresh = edit["content"]["m.new_content"];
  return isRaw(fresh) ? fresh : undefined;
}

function textual(event: MatrixEvent, content: Raw, tone: "plain" | "notice" | "emote"): Content {
  const raw = text(content["body"])?.slice(0, LONGEST_BODY) ?? "";
  const body = event.replyEventId === undefined ? raw : plainWithoutReplyFallback(raw);
  const html = formatted(content);
  return { kind: "text", body, tone, bigEmoji: isEmojiOnly(body), ...(html === undefined ? {} : { html }) };
}

function formatted(content: Raw): string | undefined {
  if (content["format"] !== "org.matrix.custom.html") return undefined;
  return text(content["formatted_body"])?.slice(0, LONGEST_BODY);
}

function media(kind: "image" | "video" | "audio" | "file", content: Raw): Content | undefined {
  const mxc = text(content["url"]);
  if (!mxc?.startsWith("mxc://")) return undefined;
  const info = isRaw(content["info"]) ? content["info"] : {};
  const body = text(content["body"]);
  const filename = text(content["filename"]);
  const name = filename ?? body ?? kind;
  const captioned = filename !== undefined && body !== undefined && body !== filename;
  const facts: Record<keyof MediaFacts, unknown> = {
    mxc,
    name,
    mime: text(info["mimetype"]) ?? "application/octet-stream",
    sizeBytes: count(info["size"]),
    width: count(info["w"]),
    height: count(info["h"]),
    blurhash: text(info["xyz.amorgan.blurhash"]) ?? text(info["blurhash"]),
    thumbMxc: text(info["thumbnail_url"])?.startsWith("mxc://") ? info["thumbnail_url"] : undefined,
    durationMs: count(info["duration"]),
    caption: captioned ? body : undefined,
    captionHtml: captioned ? formatted(content) : undefined,
  };
  const known = Object.fromEntries(Object.entries(facts).filter(([, value]) => value !== undefined));
  return { kind, ...(known as unknown as MediaFacts) };
}

function unsupported(content: Raw): Content {
  const body = text(content["body"])?.slice(0, 500);
  return body === undefined ? { kind: "unsupported" } : { kind: "unsupported", body };
}

function count(value: unknown): number | undefined {
  return typeof value === "number" && Number.isFinite(value) && value > 0 ? value : undefined;
}

function isRaw(value: unknown): value is Raw {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
