import { SetPresence, UserEvent } from "matrix-js-sdk";
import type { MatrixClient, User } from "matrix-js-sdk";
import { useCallback, useSyncExternalStore } from "react";
import type { PresenceDot } from "@/components/Avatar";
import { useClient } from "./ClientProvider";

const IDLE_AFTER_MS = 5 * 60_000;

/** Tells the server when the person is away from this window for a while. Returns how to stop. */
export function reportPresence(client: MatrixClient): () => void {
  let timer: ReturnType<typeof setTimeout> | undefined;
  let told: SetPresence = SetPresence.Online;
  const tell = (presence: SetPresence): void => {
    if (presence === told) return;
    told = presence;
    void client.setSyncPresence(presence).catch(() => {});
    client.setPresence({ presence }).catch(() => {});
  };
  const active = (): void => {
    clearTimeout(timer);
    timer = setTimeout(() => tell(SetPresence.Unavailable), IDLE_AFTER_MS);
    if (document.visibilityState === "visible") tell(SetPresence.Online);
  };
  const events = ["pointerdown", "keydown", "focus", "visibilitychange"] as const;
  events.forEach((event) => window.addEventListener(event, active, { passive: true, capture: true }));
  active();
  return () => {
    clearTimeout(timer);
    events.forEach((event) => window.removeEventListener(event, active, { capture: true }));
  };
}

export function presenceOf(user: User | null | undefined): PresenceDot {
  if (user?.presence === "online") return "online";
  if (user?.presence === "unavailable") return "idle";
  return "offline";
}

/** The live presence of a person. */
export function usePresence(userId: string | undefined): PresenceDot {
  const client = useClient();
  const subscribe = useCallback(
    (listener: () => void) => {
      const onChange = (_event: unknown, user: User): void => {
        if (user.userId === userId) listener();
      };
      client.on(UserEvent.Presence, onChange);
      client.on(UserEvent.CurrentlyActive, onChange);
      return () => {
        client.off(UserEvent.Presence, onChange);
        client.off(UserEvent.CurrentlyActive, onChange);
      };
    },
    [client, userId],
  );
  return useSyncExternalStore(subscribe, () => (userId ? presenceOf(client.getUser(userId)) : "offline"));
}
