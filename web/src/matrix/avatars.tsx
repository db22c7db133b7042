import type { Room, RoomMember } from "matrix-js-sdk";
import type { ReactElement } from "react";
import { Avatar } from "@/components/Avatar";
import type { AvatarProps } from "@/components/Avatar";
import { useMediaUrl } from "./media";

type Rest = Pick<AvatarProps, "size" | "presence" | "className">;

/** A person's face from their profile: anything with an id, a name and maybe an mxc: address. */
export function PersonAvatar({ id, name, mxc, size = 44, ...rest }: Rest & { id: string; name: string; mxc?: string | null | undefined }): ReactElement {
  const src = useMediaUrl(mxc, { width: size, height: size, method: "crop" });
  return <Avatar id={id} name={name} src={src} size={size} {...rest} />;
}

export function MemberAvatar({ member, ...rest }: Rest & { member: RoomMember }): ReactElement {
  return <PersonAvatar id={member.userId} name={member.rawDisplayName || member.name} mxc={member.getMxcAvatarUrl()} {...rest} />;
}

/** A room's picture; a direct chat shows the other person. */
export function RoomAvatar({ room, size = 44, ...rest }: Rest & { room: Room }): ReactElement {
  const other = room.getAvatarFallbackMember();
  const direct = directPartner(room);
  const mxc = room.getMxcAvatarUrl() ?? (direct ? other?.getMxcAvatarUrl() : undefined);
  const src = useMediaUrl(mxc, { width: size, height: size, method: "crop" });
  return <Avatar id={direct ?? room.roomId} name={room.name} src={src} size={size} shape={direct ? "person" : "room"} {...rest} />;
}

/** The other person of a direct chat (m.direct account data, or the invite's flag), or undefined for a room. */
export function directPartner(room: Room): string | undefined {
  const direct = room.client.getAccountData("m.direct" as never)?.getContent<Record<string, string[]>>() ?? {};
  for (const [userId, rooms] of Object.entries(direct)) {
    if (Array.isArray(rooms) && rooms.includes(room.roomId)) return userId;
  }
  return room.getDMInviter();
}
