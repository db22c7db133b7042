/**
 * Files on their way into a room. An upload is shown as a message from the first moment; its id is the transaction id
 * of the message it becomes, so the two are one row. One file per room at a time, in the order they were picked.
 */
import { MsgType, type MatrixClient } from "matrix-js-sdk";
import type { RoomMessageEventContent } from "matrix-js-sdk/lib/@types/events";

export interface UploadDraft {
  readonly file: Blob;
  readonly name: string;
  readonly mime: string;
  readonly kind: "image" | "video" | "audio" | "file";
  readonly width?: number | undefined;
  readonly height?: number | undefined;
  readonly durationMs?: number | undefined;
  readonly blurhash?: string | undefined;
  readonly thumbnail?: { readonly blob: Blob; readonly width: number; readonly height: number } | undefined;
  readonly caption?: string | undefined;
  readonly captionHtml?: string | undefined;
  /** `m.mentions` and the like, merged into the message's content. */
  readonly extra?: Readonly<Record<string, unknown>> | undefined;
  readonly replyTo?: string | undefined;
}

export interface Upload extends UploadDraft {
  readonly id: string;
  readonly roomId: string;
  readonly ts: number;
  /** blob: address of the file itself. */
  readonly preview: string;
  readonly state: "waiting" | "uploading" | "failed";
  /** 0 to 1. */
  readonly progress: number;
  /** Matrix error code, or "network". */
  readonly failure?: string | undefined;
}

interface Entry {
  upload: Upload;
  abort: AbortController;
}

/** Where files of this session can be shown from without downloading them again: mxc address to blob: address. */
const ownFiles = new Map<string, string>();
const OWN_FILES_KEPT = 100;

export function ownFileUrl(mxc: string | undefined): string | undefined {
  return mxc === undefined ? undefined : ownFiles.get(mxc);
}

export class UploadQueue {
  private entries: Entry[] = [];
  private readonly byRoom = new Map<string, readonly Upload[]>();
  private readonly running = new Set<string>();
  private readonly listeners = new Set<(roomId: string) => void>();

  constructor(private readonly client: MatrixClient) {}

  readonly subscribe = (listener: (roomId: string) => void): (() => void) => {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  };

  /** The same array until something of this room changed. */
  of(roomId: string): readonly Upload[] {
    return this.byRoom.get(roomId) ?? NONE;
  }

  get(id: string): Upload | undefined {
    return this.find(id)?.upload;
  }

  add(roomId: string, drafts: readonly UploadDraft[]): void {
    for (const draft of drafts) {
      const upload: Upload = {
        ...draft,
        id: this.client.makeTxnId(),
        roomId,
        ts: Date.now(),
        preview: URL.createObjectURL(draft.file),
        state: "waiting",
        progress: 0,
      };
      this.entries.push({ upload, abort: new AbortController() });
    }
    this.publish(roomId);
    void this.run(roomId);
  }

  /** Stops an upload, or drops a failed one. Nothing is sent. */
  cancel(id: string): void {
    const entry = this.find(id);
    if (!entry) return;
    this.drop(entry);
    URL.revokeObjectURL(entry.upload.preview);
    entry.abort.abort();
  }

  retry(id: string): void {
    const entry = this.find(id);
    if (entry?.upload.state !== "failed") return;
    entry.abort = new AbortController();
    this.update(entry, { state: "waiting", progress: 0, failure: undefined });
    void this.run(entry.upload.roomId);
  }

  private async run(roomId: string): Promise<void> {
    if (this.running.has(roomId)) return;
    this.running.add(roomId);
    try {
      for (;;) {
        const next = this.entries.find(({ upload }) => upload.roomId === roomId && upload.state === "waiting");
        if (!next) return;
        await this.perform(next);
      }
    } finally {
      this.running.delete(roomId);
    }
  }

  private async perform(entry: Entry): Promise<void> {
    const { upload, abort } = entry;
    this.update(entry, { state: "uploading" });
    try {
      const thumbnailMxc = upload.thumbnail ? await this.put(upload.thumbnail.blob, "", abort) : undefined;
      const mxc = await this.put(upload.file, upload.name, abort, (progress) => this.update(entry, { progress }));
      if (!this.entries.includes(entry)) return;
      rememberOwnFile(mxc, upload.preview);
      // Failures from here on belong to the message, which the timeline shows with its own retry.
      this.client.sendMessage(upload.roomId, contentOf(upload, mxc, thumbnailMxc), upload.id).catch(() => undefined);
      this.drop(entry);
    } catch (error) {
      if (!this.entries.includes(entry)) return;
      this.update(entry, { state: "failed", progress: 0, failure: codeOf(error) });
    }
  }

  private async put(blob: Blob, name: string, abort: AbortController, onProgress?: (part: number) => void): Promise<string> {
    const answer = await this.client.uploadContent(blob, {
      name,
      type: blob.type || "application/octet-stream",
      includeFilename: name !== "",
      abortController: abort,
      progressHandler: ({ loaded, total }) => onProgress?.(total > 0 ? loaded / total : 0),
    });
    return answer.content_uri;
  }

  private find(id: string): Entry | undefined {
    return this.entries.find(({ upload }) => upload.id === id);
  }

  private update(entry: Entry, change: Partial<Upload>): void {
    entry.upload = { ...entry.upload, ...change };
    this.publish(entry.upload.roomId);
  }

  private drop(entry: Entry): void {
    this.entries = this.entries.filter((other) => other !== entry);
    this.publish(entry.upload.roomId);
  }

  private publish(roomId: string): void {
    const uploads = this.entries.map(({ upload }) => upload).filter((upload) => upload.roomId === roomId);
    this.byRoom.set(roomId, uploads);
    this.guard();
    this.listeners.forEach((listener) => listener(roomId));
  }

  /** While a file is on its way the browser asks before the page is left: it would be lost. */
  private guard(): void {
    const busy = this.entries.some(({ upload }) => upload.state !== "failed");
    window[busy ? "addEventListener" : "removeEventListener"]("beforeunload", holdBack);
  }
}

const holdBack = (event: Event): void => event.preventDefault();
const NONE: readonly Upload[] = [];
const queues = new WeakMap<MatrixClient, UploadQueue>();

export function uploadsOf(client: MatrixClient): UploadQueue {
  let queue = queues.get(client);
  if (!queue) queues.set(client, (queue = new UploadQueue(client)));
  return queue;
}

const MSGTYPE = { image: MsgType.Image, video: MsgType.Video, audio: MsgType.Audio, file: MsgType.File };

/** The message a finished upload becomes. */
export function contentOf(upload: Upload, mxc: string, thumbnailMxc: string | undefined): RoomMessageEventContent {
  const { thumbnail } = upload;
  const content = {
    ...upload.extra,
    msgtype: MSGTYPE[upload.kind],
    body: upload.caption ?? upload.name,
    filename: upload.name,
    url: mxc,
    ...(upload.captionHtml ? { format: "org.matrix.custom.html", formatted_body: upload.captionHtml } : {}),
    info: withoutEmpty({
      mimetype: upload.mime,
      size: upload.file.size,
      w: upload.width,
      h: upload.height,
      duration: upload.durationMs,
      "xyz.amorgan.blurhash": upload.blurhash,
      thumbnail_url: thumbnailMxc,
      thumbnail_info:
        thumbnail && thumbnailMxc
          ? { mimetype: thumbnail.blob.type, size: thumbnail.blob.size, w: thumbnail.width, h: thumbnail.height }
          : undefined,
    }),
    ...(upload.replyTo ? { "m.relates_to": { "m.in_reply_to": { event_id: upload.replyTo } } } : {}),
  };
  return content as unknown as RoomMessageEventContent;
}

function withoutEmpty(record: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(record).filter(([, value]) => value !== undefined));
}

function codeOf(error: unknown): string {
  const code: unknown = (error as { errcode?: unknown } | null)?.errcode;
  if (typeof code === "string") return code;
  // A proxy in front of the server may have its own limit, and answers in its own words.
  return (error as { httpStatus?: unknown } | null)?.httpStatus === 413 ? "M_TOO_LARGE" : "network";
}

function rememberOwnFile(mxc: string, url: string): void {
  ownFiles.set(mxc, url);
  const oldest = ownFiles.keys().next().value;
  if (ownFiles.size > OWN_FILES_KEPT && oldest !== undefined) {
    URL.revokeObjectURL(ownFiles.get(oldest) ?? "");
    ownFiles.delete(oldest);
  }
}
