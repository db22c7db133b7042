import { RoomEvent, RoomMemberEvent, RoomStateEvent, UserEvent } from "matrix-js-sdk";
import type { MatrixEvent, Room, RoomMember, RoomState, User } from "matrix-js-sdk";
import { useCallback, useRef, useSyncExternalStore } from "react";

/**
 * A number that grows whenever the room's name, state, members, their typing or presence change,
 * at most ten times a second: for views that read much of a room (header, details).
 */
export function useRoomVersion(room: Room): number {
  const version = useRef(0);
  const subscribe = useCallback(
    (listener: () => void) => {
      const { client } = room;
      let timer: ReturnType<typeof setTimeout> | undefined;
      const changed = (): void => {
        timer ??= setTimeout(() => {
          timer = undefined;
          version.current++;
          listener();
        }, 100);
      };
      const onState = (_event: unknown, state: RoomState): void => void (state.roomId === room.roomId && changed());
      const onUpdate = (state: RoomState): void => void (state.roomId === room.roomId && changed());
      const onMember = (_event: unknown, member: RoomMember): void => void (member.roomId === room.roomId && changed());
      const onUser = (_event: MatrixEvent | undefined, user: User): void => void (room.getMember(user.userId) && changed());
      room.on(RoomEvent.Name, changed);
      room.on(RoomEvent.Tags, changed);
      room.on(RoomEvent.MyMembership, changed);
      client.on(RoomStateEvent.Events, onState);
      client.on(RoomStateEvent.Members, onState);
      client.on(RoomStateEvent.Update, onUpdate);
      client.on(RoomMemberEvent.Typing, onMember);
      client.on(UserEvent.Presence, onUser);
      return () => {
        clearTimeout(timer);
        room.off(RoomEvent.Name, changed);
        room.off(RoomEvent.Tags, changed);
        room.off(RoomEvent.MyMembership, changed);
        client.off(RoomStateEvent.Events, onState);
        client.off(RoomStateEvent.Members, onState);
        client.off(RoomStateEvent.Update, onUpdate);
        client.off(RoomMemberEvent.Typing, onMember);
        client.off(UserEvent.Presence, onUser);
      };
    },
    [room],
  );
  return useSyncExternalStore(subscribe, () => version.current);
}
