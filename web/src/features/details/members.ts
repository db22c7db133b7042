import type { MatrixEvent, Room, RoomMember } from "matrix-js-sdk";
import { presenceOf } from "@/matrix/presence";

export type Role = "owner" | "admin" | "moderator" | "member";

export function roleOf(room: Room, userId: string): Role {
  const level = room.getMember(userId)?.powerLevel ?? 0;
  if (level >= 100 && creatorsOf(room).has(userId)) return "owner";
  if (level >= 100) return "admin";
  return level >= 50 ? "moderator" : "member";
}

function creatorsOf(room: Room): Set<string> {
  const create = room.currentState.getStateEvents("m.room.create", "") as MatrixEvent | null;
  const additional = create?.getContent<{ additional_creators?: unknown }>().additional_creators;
  const others = Array.isArray(additional) ? additional.filter((id): id is string => typeof id === "string") : [];
  return new Set([create?.getSender() ?? "", ...others]);
}

/** A heading or a person: the members' list as flat rows, so that a thousand people scroll. */
export type MemberRow = { kind: "heading"; key: string; title: "online" | "offline" | "invited" | "banned"; count: number } | { kind: "person"; key: string; member: RoomMember; dim: boolean };

/** Online first, then offline, by role and name; those invited and, for who may lift it, those banned. */
export function memberRows(room: Room, find: string, showBanned: boolean): MemberRow[] {
  const words = find.toLocaleLowerCase().trim();
  const fits = (member: RoomMember): boolean => !words || `${member.name} ${member.userId}`.toLocaleLowerCase().includes(words);
  const collator = new Intl.Collator();
  const order = (a: RoomMember, b: RoomMember): number => b.powerLevel - a.powerLevel || collator.compare(a.name, b.name);
  const joined = room.getJoinedMembers().filter(fits);
  const me = room.client.getUserId();
  const isOnline = (member: RoomMember): boolean => member.userId === me || presenceOf(room.client.getUser(member.userId)) !== "offline";
  const groups: [MemberRow & { kind: "heading" }, RoomMember[]][] = (
    [
      ["online", joined.filter(isOnline)],
      ["offline", joined.filter((member) => !isOnline(member))],
      ["invited", room.getMembersWithMembership("invite").filter(fits)],
      ["banned", showBanned ? room.getMembersWithMembership("ban").filter(fits) : []],
    ] as const
  ).map(([title, members]) => [{ kind: "heading", key: `heading ${title}`, title, count: members.length }, members]);
  return groups
    .filter(([, members]) => members.length > 0)
    .flatMap(([heading, members]) => [
      heading,
      ...members.toSorted(order).map((member): MemberRow => ({ kind: "person", key: member.userId, member, dim: heading.title !== "online" })),
    ]);
}

/** What the person may do to another member here, by the room's power levels. */
export interface Powers {
  invite: boolean;
  remove: boolean;
  ban: boolean;
  /** The highest level the person may give away; undefined when they may not change the other's. */
  grant: number | undefined;
}

export function powersOver(room: Room, userId: string): Powers {
  const me = room.client.getSafeUserId();
  const state = room.currentState;
  const mine = room.getMember(me)?.powerLevel ?? 0;
  const theirs = room.getMember(userId)?.powerLevel ?? 0;
  const above = mine > theirs && userId !== me;
  const levels = state.maySendStateEvent("m.room.power_levels", me);
  const isCreatorByVersion = !Number.isFinite(theirs);
  return {
    invite: state.hasSufficientPowerLevelFor("invite", mine),
    remove: above && state.hasSufficientPowerLevelFor("kick", mine),
    ban: above && state.hasSufficientPowerLevelFor("ban", mine),
    grant: levels && !isCreatorByVersion && (above || userId === me) ? mine : undefined,
  };
}
