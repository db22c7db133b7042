import { ClientEvent, RoomEvent, RoomMemberEvent, UserEvent } from "matrix-js-sdk";
import type { MatrixClient, MatrixEvent, Room, RoomMember, User } from "matrix-js-sdk";
import type { PresenceDot } from "@/components/Avatar";
import { directPartner } from "@/matrix/avatars";
import { presenceOf } from "@/matrix/presence";
import { isMuted, isPinned, previewOf, unreadOf } from "@/matrix/rooms";
import type { Preview } from "@/matrix/rooms";
import { ViewModel } from "@/matrix/ViewModel";

/** One line of the room list. Replaced, never changed. */
export interface RoomEntry {
  roomId: string;
  room: Room;
  name: string;
  /** The other person of a direct chat. */
  direct: string | undefined;
  presence: PresenceDot;
  preview: Preview | undefined;
  /** Whether the preview should name who said it, and how. */
  sender: "you" | string | undefined;
  typing: readonly string[];
  ts: number;
  unread: number;
  highlight: number;
  muted: boolean;
  pinned: boolean;
  invitedBy: string | undefined;
}

export interface RoomListSnapshot {
  invites: readonly RoomEntry[];
  pinned: readonly RoomEntry[];
  chats: readonly RoomEntry[];
  /** Chats with something unread, and how many messages of them concern the person. */
  unreadChats: number;
  attention: number;
}

export type Filter = "all" | "unread" | "people" | "rooms";

const EMPTY: RoomListSnapshot = { invites: [], pinned: [], chats: [], unreadChats: 0, attention: 0 };

/**
 * The rooms of the person, newest first. Only entries of rooms that something happened in are
 * made anew, at most once a frame, so that a thousand rooms stay cheap.
 */
export class RoomListViewModel extends ViewModel<RoomListSnapshot> {
  private readonly entries = new Map<string, RoomEntry>();
  private readonly dirty = new Set<string>();
  private everything = true;
  private scheduled: ReturnType<typeof setTimeout> | undefined;

  constructor(private readonly client: MatrixClient) {
    super(EMPTY);
    this.refresh();
  }

  protected override start(): void {
    const { client } = this;
    client.on(ClientEvent.Room, this.onRoom);
    client.on(ClientEvent.DeleteRoom, this.onAll);
    client.on(ClientEvent.AccountData, this.onAll);
    client.on(RoomEvent.Timeline, this.onTimeline);
    client.on(RoomEvent.TimelineReset, this.onReset);
    client.on(RoomEvent.LocalEchoUpdated, this.onEcho);
    client.on(RoomEvent.Redaction, this.onEcho);
    client.on(RoomEvent.Name, this.onRoom);
    client.on(RoomEvent.Tags, this.onEcho);
    client.on(RoomEvent.Receipt, this.onEcho);
    client.on(RoomEvent.MyMembership, this.onRoom);
    client.on(RoomMemberEvent.Typing, this.onMember);
    client.on(RoomMemberEvent.Name, this.onMember);
    client.on(UserEvent.Presence, this.onUser);
    this.refresh();
  }

  protected override stop(): void {
    const { client } = this;
    client.off(ClientEvent.Room, this.onRoom);
    client.off(ClientEvent.DeleteRoom, this.onAll);
    client.off(ClientEvent.AccountData, this.onAll);
    client.off(RoomEvent.Timeline, this.onTimeline);
    client.off(RoomEvent.TimelineReset, this.onReset);
    client.off(RoomEvent.LocalEchoUpdated, this.onEcho);
    client.off(RoomEvent.Redaction, this.onEcho);
    client.off(RoomEvent.Name, this.onRoom);
    client.off(RoomEvent.Tags, this.onEcho);
    client.off(RoomEvent.Receipt, this.onEcho);
    client.off(RoomEvent.MyMembership, this.onRoom);
    this.entries.forEach(({ room }) => room.off(RoomEvent.UnreadNotifications, this.onCounts));
    this.entries.clear();
    client.off(RoomMemberEvent.Typing, this.onMember);
    client.off(RoomMemberEvent.Name, this.onMember);
    client.off(UserEvent.Presence, this.onUser);
    clearTimeout(this.scheduled);
    this.scheduled = undefined;
    this.everything = true;
  }

  private readonly onRoom = (room: Room): void => this.touch(room.roomId);
  private readonly onAll = (): void => this.touch();
  private readonly onReset = (room: Room | undefined): void => this.touch(room?.roomId);
  private readonly onEcho = (_event: MatrixEvent, room: Room): void => this.touch(room.roomId);
  private readonly onMember = (_event: MatrixEvent, member: RoomMember): void => this.touch(member.roomId);
  private readonly onTimeline = (_event: MatrixEvent, room: Room | undefined, toStart: boolean | undefined): void => {
    if (room && !toStart) this.touch(room.roomId);
  };
  /** Counts carry no room; everything that changed in this frame is told by other events, the rest by comparing. */
  private readonly onCounts = (): void => {
    for (const { room, unread, highlight } of this.entries.values()) {
      const now = unreadOf(room);
      if (now.total !== unread || now.highlight !== highlight) this.touch(room.roomId);
    }
  };
  private readonly onUser = (_event: MatrixEvent | undefined, user: User): void => {
    for (const entry of this.entries.values()) {
      if (entry.direct === user.userId) this.touch(entry.roomId);
    }
  };

  private touch(roomId?: string): void {
    if (roomId) this.dirty.add(roomId);
    else this.everything = true;
    this.scheduled ??= setTimeout(() => this.refresh(), 16);
  }

  private refresh(): void {
    this.scheduled = undefined;
    const shown = this.client.getVisibleRooms().filter((room) => ["join", "invite"].includes(room.getMyMembership()));
    const ids = new Set(shown.map((room) => room.roomId));
    for (const [id, { room }] of this.entries) {
      if (ids.has(id)) continue;
      room.off(RoomEvent.UnreadNotifications, this.onCounts);
      this.entries.delete(id);
    }
    for (const room of shown) {
      // The client does not pass this event on, so each room is asked for it.
      if (!this.entries.has(room.roomId)) room.on(RoomEvent.UnreadNotifications, this.onCounts);
      if (this.everything || this.dirty.has(room.roomId) || !this.entries.has(room.roomId)) {
        this.entries.set(room.roomId, entryOf(room));
      }
    }
    this.everything = false;
    this.dirty.clear();
    this.set(arrange([...this.entries.values()]));
  }
}

export function arrange(entries: RoomEntry[]): RoomListSnapshot {
  const sorted = entries.toSorted((a, b) => b.ts - a.ts || a.name.localeCompare(b.name));
  const joined = sorted.filter((entry) => !entry.invitedBy);
  return {
    invites: sorted.filter((entry) => entry.invitedBy),
    pinned: joined.filter((entry) => entry.pinned),
    chats: joined.filter((entry) => !entry.pinned),
    unreadChats: joined.filter((entry) => entry.unread > 0).length,
    attention: joined.reduce((sum, entry) => sum + (entry.direct ? entry.unread : entry.highlight), 0),
  };
}

/** The list as filtered by a chip and by what was typed. Words may stand in any order. */
export function narrow(snapshot: RoomListSnapshot, filter: Filter, query: string): RoomListSnapshot {
  const words = query.toLocaleLowerCase().split(/\s+/).filter(Boolean);
  const fits = (entry: RoomEntry): boolean => {
    if (filter === "unread" && entry.unread === 0 && !entry.invitedBy) return false;
    if (filter === "people" && !entry.direct) return false;
    if (filter === "rooms" && entry.direct) return false;
    const haystack = `${entry.name} ${entry.direct ?? ""} ${entry.room.getCanonicalAlias() ?? ""}`.toLocaleLowerCase();
    return words.every((word) => haystack.includes(word));
  };
  return {
    ...snapshot,
    invites: snapshot.invites.filter(fits),
    pinned: snapshot.pinned.filter(fits),
    chats: snapshot.chats.filter(fits),
  };
}

function entryOf(room: Room): RoomEntry {
  const { client } = room;
  const me = client.getSafeUserId();
  const direct = directPartner(room);
  const preview = previewOf(room);
  const invited = room.getMyMembership() === "invite";
  const { total, highlight } = unreadOf(room);
  return {
    roomId: room.roomId,
    room,
    name: room.name,
    direct,
    presence: direct ? presenceOf(client.getUser(direct)) : "offline",
    preview,
    sender: preview && senderOf(room, preview, me, Boolean(direct)),
    typing: room
      .getMembersWithMembership("join")
      .filter((member) => member.typing && member.userId !== me)
      .map((member) => member.rawDisplayName || member.name),
    ts: preview?.ts ?? room.getLastActiveTimestamp(),
    unread: total,
    highlight,
    muted: isMuted(room),
    pinned: isPinned(room),
    invitedBy: invited ? inviterOf(room, me) : undefined,
  };
}

function senderOf(room: Room, preview: Preview, me: string, direct: boolean): string | undefined {
  if (preview.senderId === me) return "you";
  if (direct && !["joined", "left", "created", "renamed"].includes(preview.key)) return undefined;
  return room.getMember(preview.senderId)?.rawDisplayName || preview.senderId;
}

function inviterOf(room: Room, me: string): string {
  const sender = room.getMember(me)?.events.member?.getSender() ?? "";
  return room.getMember(sender)?.rawDisplayName || sender || "?";
}
