import type { Room } from "matrix-js-sdk";
import type { ReactElement } from "react";
import { Composer } from "@/features/composer/Composer";
import { RoomHeader } from "@/features/roomheader/RoomHeader";
import { Timeline } from "@/features/timeline/Timeline";
import { ConnectionBar } from "./ConnectionBar";
import styles from "./RoomScreen.module.css";

/** One open room: header, messages, composer. */
export function RoomScreen({ room }: { room: Room }): ReactElement {
  return (
    <main className={styles.chat}>
      <div>
        <RoomHeader room={room} />
        <div className={styles.phoneBar}>
          <ConnectionBar />
        </div>
      </div>
      <Timeline key={`timeline ${room.roomId}`} room={room} />
      <Composer key={`composer ${room.roomId}`} room={room} />
    </main>
  );
}
