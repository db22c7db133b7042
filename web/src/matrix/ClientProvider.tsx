import type { MatrixClient } from "matrix-js-sdk";
import { createContext, useContext } from "react";
import type { ReactElement, ReactNode } from "react";

const ClientContext = createContext<MatrixClient | null>(null);

export function ClientProvider({ client, children }: { client: MatrixClient; children: ReactNode }): ReactElement {
  return <ClientContext value={client}>{children}</ClientContext>;
}

/** The signed-in client. Only views inside the signed-in part of the app may ask for it. */
export function useClient(): MatrixClient {
  const client = useContext(ClientContext);
  if (!client) throw new Error("useClient needs a ClientProvider");
  return client;
}
