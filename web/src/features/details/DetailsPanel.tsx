import type { Room } from "matrix-js-sdk";
import type { ReactElement } from "react";
import { useRoomVersion } from "@/matrix/useRoomVersion";
import { PersonDetails } from "./PersonDetails";
import { RoomDetails } from "./RoomDetails";

/** The side panel: a room's details, or those of one person in it. */
export function DetailsPanel({ room, personId }: { room: Room; personId?: string | undefined }): ReactElement {
  const version = useRoomVersion(room);
  return personId ? <PersonDetails room={room} userId={personId} /> : <RoomDetails room={room} version={version} />;
}
