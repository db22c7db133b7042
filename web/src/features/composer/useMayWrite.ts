import { RoomEvent, RoomStateEvent, type Room } from "matrix-js-sdk";
import { useCallback, useSyncExternalStore } from "react";

/** Whether the person may write here now: "yes", "no" (not enough rights) or "gone" (not a member). */
export function useMayWrite(room: Room): "yes" | "no" | "gone" {
  const subscribe = useCallback(
    (again: () => void) => {
      room.on(RoomEvent.MyMembership, again);
      room.on(RoomStateEvent.Update, again);
      return () => {
        room.off(RoomEvent.MyMembership, again);
        room.off(RoomStateEvent.Update, again);
      };
    },
    [room],
  );
  return useSyncExternalStore(subscribe, () => {
    if (room.getMyMembership() !== "join") return "gone";
    return room.maySendMessage() ? "yes" : "no";
  });
}
