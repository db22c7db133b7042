import type { Room } from "matrix-js-sdk";
import type { ReactElement } from "react";

export function Timeline({ room }: { room: Room }): ReactElement {
  return <section aria-label={room.name} />;
}
