/** What a state event says to people, or nothing when it is of no interest to them. */
import { EventType, type MatrixEvent, type Room } from "matrix-js-sdk";
import type { SystemItem, SystemKind } from "./types";

type Told = Pick<SystemItem, "kind"> & Partial<Pick<SystemItem, "targetName" | "value">>;

export function toSystemItem(event: MatrixEvent, room: Room, key: string): SystemItem | undefined {
  const told = tell(event);
  if (!told) return undefined;
  const actor = event.getSender() ?? "";
  return {
    type: "system",
    key,
    id: event.getId() ?? key,
    ts: event.getTs(),
    actor,
    actorName: senderName(event, room),
    ...told,
  };
}

/** The sender's name at the time. A room's first event comes before the one that names its creator: then the one of today. */
export function senderName(event: MatrixEvent, room: Room): string {
  const sender = event.getSender() ?? "";
  const then = event.sender?.name ?? sender;
  return then === sender ? (room.getMember(sender)?.name ?? then) : then;
}

function tell(event: MatrixEvent): Told | undefined {
  if (event.isRedacted()) return undefined;
  const content: Record<string, unknown> = event.getContent();
  const before: Record<string, unknown> = event.getPrevContent();
  switch (event.getType()) {
    case EventType.RoomMember:
      return member(event, content, before);
    case EventType.RoomCreate:
      return { kind: "created" };
    case EventType.RoomName:
      return named(text(content["name"]), "roomNamed", "roomUnnamed");
    case EventType.RoomTopic:
      return named(text(content["topic"]), "topicSet", "topicRemoved");
    case EventType.RoomAvatar:
      return { kind: "roomAvatar" };
    case EventType.RoomEncryption:
      return { kind: "encryptionOn" };
    case EventType.RoomTombstone:
      return { kind: "replaced" };
    // The rules a room starts with arrive together with its creation and say nothing new.
    case EventType.RoomJoinRules:
      if (Object.keys(before).length === 0) return undefined;
      return { kind: content["join_rule"] === "public" ? "madePublic" : "madePrivate" };
    case EventType.RoomPowerLevels:
      return Object.keys(before).length === 0 ? undefined : { kind: "powersChanged" };
    case EventType.RoomPinnedEvents:
      return { kind: "pinsChanged" };
    default:
      return undefined;
  }
}

function named(value: string | undefined, set: SystemKind, removed: SystemKind): Told {
  return value ? { kind: set, value } : { kind: removed };
}

function member(event: MatrixEvent, content: Record<string, unknown>, before: Record<string, unknown>): Told | undefined {
  const self = event.getSender() === event.getStateKey();
  const targetName = text(content["displayname"]) ?? text(before["displayname"]) ?? event.getStateKey() ?? "";
  const was = before["membership"];
  switch (content["membership"]) {
    case "join":
      return was === "join" ? profile(content, before) : { kind: "joined" };
    case "invite":
      return { kind: "invited", targetName };
    case "knock":
      return { kind: "knocked" };
    case "ban":
      return { kind: "banned", targetName };
    case "leave":
      if (was === "ban") return { kind: "unbanned", targetName };
      if (was === "invite") return self ? { kind: "inviteDeclined" } : { kind: "inviteWithdrawn", targetName };
      return self ? { kind: "left" } : { kind: "removed", targetName };
    default:
      return undefined;
  }
}

function profile(content: Record<string, unknown>, before: Record<string, unknown>): Told | undefined {
  const name = text(content["displayname"]);
  if (name !== text(before["displayname"])) return name ? { kind: "renamed", value: name } : { kind: "renamed" };
  if (content["avatar_url"] !== before["avatar_url"]) return { kind: "avatarChanged" };
  return undefined;
}

/** A non-empty string, or nothing: content is whatever the sender put there. */
export function text(value: unknown): string | undefined {
  return typeof value === "string" && value.trim() !== "" ? value : undefined;
}
