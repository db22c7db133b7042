import { createContext, useContext, useSyncExternalStore } from "react";
import { ConnectionStore } from "./transport/connection";
import type { Connection } from "./transport/connection";
import type { Transport } from "./transport/Transport";

/** The transport of the signed-in client; null in tests of single views. */
export const TransportContext = createContext<Transport | null>(null);

const none = new ConnectionStore();
none.online("poll");

export function useConnection(): Connection & { checkNow: () => void } {
  const transport = useContext(TransportContext);
  const store = transport?.connection ?? none;
  const connection = useSyncExternalStore(store.subscribe, store.get);
  return { ...connection, checkNow: () => transport?.checkNow() };
}
