/** The timeline's plain, immutable data: what the rows show, free of SDK objects. */
import type { Upload } from "@/matrix/uploads";

export type Delivery = "sending" | "sent" | "read" | "failed";

export interface Quote {
  readonly id: string;
  readonly state: "ready" | "loading" | "missing";
  readonly sender?: string;
  readonly senderName?: string;
  readonly text?: string;
}

export interface Reaction {
  readonly key: string;
  readonly count: number;
  readonly names: readonly string[];
  /** The own reaction event, when this user reacted: redacting it takes the reaction back. */
  readonly ownEventId?: string;
}

export interface MediaFacts {
  readonly mxc: string;
  readonly name: string;
  readonly mime: string;
  readonly sizeBytes?: number;
  readonly width?: number;
  readonly height?: number;
  readonly blurhash?: string;
  readonly thumbMxc?: string;
  readonly durationMs?: number;
  readonly caption?: string;
  readonly captionHtml?: string;
}

export type Content =
  | {
      readonly kind: "text";
      readonly body: string;
      readonly html?: string;
      readonly tone: "plain" | "notice" | "emote";
      readonly bigEmoji: boolean;
    }
  | ({ readonly kind: "image" | "video" | "audio" | "file" } & MediaFacts)
  | {
      readonly kind: "deleted";
      readonly bySelf: boolean;
      /** Not yet deleted on the server: it can still be brought back. */
      readonly undoable?: boolean;
    }
  | { readonly kind: "locked" }
  | { readonly kind: "unsupported"; readonly body?: string };

export interface MessageItem {
  readonly type: "message";
  readonly key: string;
  readonly id: string;
  readonly ts: number;
  readonly sender: string;
  readonly senderName: string;
  readonly senderAvatar?: string;
  readonly own: boolean;
  readonly content: Content;
  readonly edited: boolean;
  readonly quote?: Quote;
  readonly delivery?: Delivery;
  /** Matrix error code of the failed send; the words are the view's. */
  readonly failure?: string;
  /** Set while the message's file is still on its way. */
  readonly upload?: Upload;
  readonly reactions: readonly Reaction[];
}

export type SystemKind =
  | "created"
  | "joined"
  | "left"
  | "invited"
  | "inviteDeclined"
  | "inviteWithdrawn"
  | "removed"
  | "banned"
  | "unbanned"
  | "knocked"
  | "renamed"
  | "avatarChanged"
  | "roomNamed"
  | "roomUnnamed"
  | "topicSet"
  | "topicRemoved"
  | "roomAvatar"
  | "encryptionOn"
  | "madePublic"
  | "madePrivate"
  | "powersChanged"
  | "pinsChanged"
  | "replaced";

export interface SystemItem {
  readonly type: "system";
  readonly key: string;
  readonly id: string;
  readonly ts: number;
  readonly kind: SystemKind;
  readonly actor: string;
  readonly actorName: string;
  readonly targetName?: string;
  readonly value?: string;
}

export type TimelineItem = MessageItem | SystemItem;

export interface Seen {
  readonly userId: string;
  readonly name: string;
  readonly avatar?: string;
  readonly ts: number;
}

export interface MessageRow {
  readonly type: "message";
  readonly key: string;
  readonly item: MessageItem;
  /** First and last of a run by one sender: name above the first, avatar beside the last, tight corners between. */
  readonly first: boolean;
  readonly last: boolean;
  readonly seen: readonly Seen[];
}

export interface SystemRow {
  readonly type: "system";
  readonly key: string;
  readonly items: readonly SystemItem[];
  readonly seen: readonly Seen[];
}

export interface Typist {
  readonly userId: string;
  readonly name: string;
  readonly avatar?: string;
}

export type Row =
  | { readonly type: "typing"; readonly key: string; readonly typists: readonly Typist[] }
  | MessageRow
  | SystemRow
  | { readonly type: "day"; readonly key: string; readonly ts: number }
  | { readonly type: "unread"; readonly key: string }
  | { readonly type: "beginning"; readonly key: string }
  | { readonly type: "older"; readonly key: string; readonly state: "loading" | "error" }
  | { readonly type: "newer"; readonly key: string; readonly state: "loading" | "error" };
