import { EventType, EventStatus, JoinRule, NotificationCountType, PushRuleActionName, PushRuleKind, ReceiptType, RelationType } from "matrix-js-sdk";
import type { MatrixClient, MatrixEvent, Room } from "matrix-js-sdk";

/** What the last message of a room says, for one line of text. `key` is in the namespace "rooms", `preview.*`. */
export interface Preview {
  key: string;
  text: string;
  senderId: string;
  ts: number;
  /** Local: not yet on the server. */
  state?: "sending" | "failed" | undefined;
}

const MEDIA: Record<string, string> = { "m.image": "photo", "m.video": "video", "m.audio": "audio", "m.file": "file" };

/** The last event worth a line in the room list. */
export function previewOf(room: Room): Preview | undefined {
  const events = [...room.getLiveTimeline().getEvents(), ...room.getPendingEvents()];
  for (let i = events.length - 1; i >= 0; i--) {
    const event = events[i];
    const preview = event && describe(event);
    if (preview) return preview;
  }
  return undefined;
}

function describe(event: MatrixEvent): Preview | undefined {
  const said = whatItSays(event);
  if (!said) return undefined;
  const state = event.status === EventStatus.NOT_SENT ? "failed" : event.status && event.status !== EventStatus.SENT ? "sending" : undefined;
  return { ...said, senderId: event.getSender() ?? "", ts: event.getTs(), ...(state ? { state } : {}) };
}

function whatItSays(event: MatrixEvent): { key: string; text: string } | undefined {
  const type = event.getType();
  if (event.isRedacted()) return type === EventType.RoomMessage ? { key: "removed", text: "" } : undefined;
  if (event.isRelation(RelationType.Replace)) return undefined;
  const content = event.getContent<Record<string, unknown>>();
  const body = typeof content["body"] === "string" ? content["body"] : "";
  switch (type) {
    case EventType.RoomMessage: {
      const msgtype = String(content["msgtype"] ?? "");
      if (msgtype === "m.audio" && "org.matrix.msc3245.voice" in content) return { key: "voice", text: "" };
      const media = MEDIA[msgtype];
      if (media) return { key: media, text: media === "file" ? String(content["filename"] ?? body) : "" };
      if (msgtype === "m.emote") return { key: "emote", text: oneLine(body) };
      return body ? { key: "text", text: oneLine(withoutQuote(body, content)) } : undefined;
    }
    case EventType.Sticker:
      return { key: "sticker", text: body };
    case EventType.RoomMessageEncrypted:
      return { key: "encrypted", text: "" };
    case EventType.RoomCreate:
      return { key: "created", text: "" };
    case EventType.RoomName:
      return { key: "renamed", text: String(content["name"] ?? "") };
    case EventType.RoomMember: {
      const now = content["membership"];
      if (now === event.getPrevContent()["membership"]) return undefined;
      if (now === "join") return { key: "joined", text: "" };
      if (now === "leave" && event.getStateKey() === event.getSender()) return { key: "left", text: "" };
      return undefined;
    }
    default:
      return undefined;
  }
}

/** Replies may begin with a quote of the other message ("> "), for old clients. */
function withoutQuote(body: string, content: Record<string, unknown>): string {
  const relates = content["m.relates_to"] as { "m.in_reply_to"?: unknown } | undefined;
  return relates?.["m.in_reply_to"] && body.startsWith("> ") ? body.replace(/^(> .*\n)+\n?/, "") : body;
}

function oneLine(text: string): string {
  return text.replace(/\s+/g, " ").trim().slice(0, 240);
}

export function unreadOf(room: Room): { total: number; highlight: number } {
  return {
    total: room.getUnreadNotificationCount(NotificationCountType.Total) ?? 0,
    highlight: room.getUnreadNotificationCount(NotificationCountType.Highlight) ?? 0,
  };
}

export function isPinned(room: Room): boolean {
  return "m.favourite" in room.tags;
}

export function isMuted(room: Room): boolean {
  const rule = room.client.pushRules?.global?.override?.find(({ rule_id }) => rule_id === room.roomId);
  return Boolean(rule?.enabled && !rule.actions.includes(PushRuleActionName.Notify));
}

export async function setMuted(room: Room, muted: boolean): Promise<void> {
  const { client } = room;
  if (muted) {
    await client.addPushRule("global", PushRuleKind.Override, room.roomId, {
      conditions: [{ kind: "event_match", key: "room_id", pattern: room.roomId } as never],
      actions: [],
    });
  } else {
    await client.deletePushRule("global", PushRuleKind.Override, room.roomId);
  }
  client.pushRules = await client.getPushRules();
}

export async function setPinned(room: Room, pinned: boolean): Promise<void> {
  if (pinned) await room.client.setRoomTag(room.roomId, "m.favourite", { order: 0.5 });
  else await room.client.deleteRoomTag(room.roomId, "m.favourite");
}

export async function markRead(room: Room): Promise<void> {
  const last = room.getLiveTimeline().getEvents().at(-1);
  const id = last?.getId();
  if (!last || !id) return;
  room.setUnreadNotificationCount(NotificationCountType.Total, 0);
  room.setUnreadNotificationCount(NotificationCountType.Highlight, 0);
  await Promise.all([room.client.sendReadReceipt(last, ReceiptType.Read), room.client.setRoomReadMarkers(room.roomId, id)]);
}

/** Opens the direct chat with a person: an existing one, else a new one. Returns the room id. */
export async function openDirect(client: MatrixClient, userId: string): Promise<string> {
  const direct = client.getAccountData(EventType.Direct)?.getContent<Record<string, string[]>>() ?? {};
  const known = (direct[userId] ?? [])
    .map((id) => client.getRoom(id))
    .filter((room) => room?.getMyMembership() === "join" && ["join", "invite"].includes(room.getMember(userId)?.membership ?? ""));
  if (known[0]) return known[0].roomId;
  const { room_id } = await client.createRoom({
    preset: "trusted_private_chat" as never,
    is_direct: true,
    invite: [userId],
  });
  await addDirect(client, userId, room_id);
  return room_id;
}

/** Notes in the account that a room is the direct chat with a person. */
export async function addDirect(client: MatrixClient, userId: string, roomId: string): Promise<void> {
  const direct = client.getAccountData(EventType.Direct)?.getContent<Record<string, string[]>>() ?? {};
  await client.setAccountData(EventType.Direct, { ...direct, [userId]: [...new Set([...(direct[userId] ?? []), roomId])] });
}

/** Joins an invitation, keeping a direct chat direct. */
export async function acceptInvite(room: Room): Promise<void> {
  const inviter = room.getDMInviter();
  await room.client.joinRoom(room.roomId);
  if (inviter) await addDirect(room.client, inviter, room.roomId);
}

export function isPublic(room: Room): boolean {
  return room.getJoinRule() === JoinRule.Public;
}

/** The part of a user id people choose: "ada" of "@ada:example.org". */
export function localPart(userId: string): string {
  return userId.replace(/^@/, "").split(":")[0] ?? userId;
}
