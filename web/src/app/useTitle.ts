import { useEffect } from "react";

/** The window's title: what is open, and how much waits. */
export function useTitle(room: string | undefined, attention: number): void {
  useEffect(() => {
    const name = room ? `${room} · Chatbook` : "Chatbook";
    document.title = attention > 0 ? `(${attention}) ${name}` : name;
  }, [room, attention]);
}
