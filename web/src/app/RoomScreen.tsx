import type { Room } from "matrix-js-sdk";
import type { ReactElement } from "react";
import { Composer } from "@/features/composer/Composer";
import { Timeline } from "@/features/timeline/Timeline";
import styles from "./RoomScreen.module.css";

/** One open room: header, messages, composer. */
export function RoomScreen({ room }: { room: Room }): ReactElement {
  return (
    <main className={styles.chat}>
      <header className={styles.header}>
        <h1>{room.name}</h1>
      </header>
      <Timeline key={`timeline ${room.roomId}`} room={room} />
      <Composer key={`composer ${room.roomId}`} room={room} />
    </main>
  );
}
