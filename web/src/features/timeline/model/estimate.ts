/** A first guess of a row's height, so that the scroll bar is about right before the row was ever drawn. */
import { fitMedia } from "./mediaGeometry";
import type { Content, Row } from "./types";

const LINE_PX = 22;
const CHARS_PER_LINE = 58;

export function estimateRow(row: Row): number {
  switch (row.type) {
    case "message": {
      const { item } = row;
      return (
        (row.first ? 14 : 3) +
        (row.first && !item.own ? 20 : 0) +
        bubble(item.content) +
        (item.quote ? 52 : 0) +
        (item.reactions.length > 0 ? 30 : 0) +
        (row.seen.length > 0 ? 22 : 0) +
        (item.delivery === "failed" ? 30 : 0)
      );
    }
    case "system":
      return 36;
    case "day":
      return 48;
    case "typing":
      return 48;
    case "unread":
      return 34;
    case "beginning":
      return 120;
    case "older":
    case "newer":
      return row.state === "loading" ? 212 : 62;
  }
}

function bubble(content: Content): number {
  switch (content.kind) {
    case "text":
      if (content.bigEmoji) return 64;
      return 17 + LINE_PX * countLines(content.body);
    case "image":
    case "video":
      return fitMedia(content.width, content.height).height + (content.caption ? 12 + LINE_PX * countLines(content.caption) : 8);
    case "audio":
    case "file":
      return 68;
    default:
      return 17 + LINE_PX;
  }
}

function countLines(text: string): number {
  let lines = 0;
  for (const line of text.split("\n", 200)) lines += Math.max(1, Math.ceil(line.length / CHARS_PER_LINE));
  return lines;
}
