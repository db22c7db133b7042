import { ClientEvent, RoomEvent } from "matrix-js-sdk";
import type { MatrixClient, Room } from "matrix-js-sdk";
import { useCallback, useSyncExternalStore } from "react";
import { useClient } from "./ClientProvider";

/** The joined room with this id or alias, as long as the person is in it. */
export function useJoinedRoom(address: string | undefined): Room | undefined {
  const client = useClient();
  const subscribe = useCallback(
    (listener: () => void) => {
      client.on(ClientEvent.Room, listener);
      client.on(RoomEvent.MyMembership, listener);
      client.on(ClientEvent.DeleteRoom, listener);
      return () => {
        client.off(ClientEvent.Room, listener);
        client.off(RoomEvent.MyMembership, listener);
        client.off(ClientEvent.DeleteRoom, listener);
      };
    },
    [client],
  );
  return useSyncExternalStore(subscribe, () => (address ? findRoom(client, address) : undefined));
}

function findRoom(client: MatrixClient, address: string): Room | undefined {
  const room = address.startsWith("#")
    ? client.getRooms().find((known) => known.getCanonicalAlias() === address || known.getAltAliases().includes(address))
    : client.getRoom(address);
  return room?.getMyMembership() === "join" ? room : undefined;
}
