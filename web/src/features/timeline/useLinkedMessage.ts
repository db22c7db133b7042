import { useEffect } from "react";
import { currentRoute, navigate, useRoute } from "@/matrix/routes";

/**
 * Goes to the message the address names. The address then loses it: the reader moves on from there, and the same link
 * must work again.
 */
export function useLinkedMessage(ready: boolean, jump: (eventId: string) => void): void {
  const { eventId } = useRoute();
  useEffect(() => {
    if (!ready || eventId === undefined) return;
    navigate({ ...currentRoute(), eventId: undefined }, { replace: true });
    jump(eventId);
  }, [ready, eventId, jump]);
}
