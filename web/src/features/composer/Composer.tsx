import type { Room } from "matrix-js-sdk";
import type { ReactElement } from "react";

export function Composer({ room }: { room: Room }): ReactElement {
  return <div data-room={room.roomId} />;
}
