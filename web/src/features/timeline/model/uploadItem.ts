/** A file on its way, as the message it is about to become. */
import type { Room } from "matrix-js-sdk";
import type { Upload } from "@/matrix/uploads";
import type { MessageItem } from "./types";

const known = new WeakMap<object, MessageItem>();

export function uploadItem(upload: Upload, room: Room, me: string): MessageItem {
  const before = known.get(upload);
  if (before) return before;
  const item: MessageItem = {
    type: "message",
    // The key the message's local echo will have.
    key: `txn:${upload.id}`,
    id: `upload:${upload.id}`,
    ts: upload.ts,
    sender: me,
    senderName: room.getMember(me)?.name ?? me,
    own: true,
    content: {
      kind: upload.kind,
      mxc: "",
      name: upload.name,
      mime: upload.mime,
      sizeBytes: upload.file.size,
      ...defined({
        width: upload.width,
        height: upload.height,
        blurhash: upload.blurhash,
        durationMs: upload.durationMs,
        caption: upload.caption,
        captionHtml: upload.captionHtml,
      }),
    },
    edited: false,
    reactions: [],
    delivery: upload.state === "failed" ? "failed" : "sending",
    upload,
    ...(upload.failure === undefined ? {} : { failure: upload.failure }),
  };
  known.set(upload, item);
  return item;
}

type Known<T> = { [K in keyof T]?: Exclude<T[K], undefined> };

function defined<T extends object>(record: T): Known<T> {
  return Object.fromEntries(Object.entries(record).filter(([, value]) => value !== undefined)) as Known<T>;
}
