import { ClientEvent, createClient, EventStatus, HttpApiEvent, IndexedDBStore, MemoryStore, PendingEventOrdering, SyncState } from "matrix-js-sdk";
import type { MatrixClient } from "matrix-js-sdk";
import { deletionsOf } from "./deletions";
import { mediaCacheOf } from "./media";
import { reportPresence } from "./presence";
import { clearSession, TokenKeeper } from "./session";
import type { StoredSession } from "./session";
import { Transport } from "./transport/Transport";

/** A signed-in client with what carries it. */
export interface Running {
  client: MatrixClient;
  transport: Transport;
  /** Resolves when there is something to show: from local data, or from the server. */
  ready: Promise<void>;
  stop(): void;
  /** Ends the session on the server (best effort) and forgets everything local. */
  signOut(): Promise<void>;
}

const DATABASE = "chatbook";

/** Starts a client. `onLoggedOut` is called when the server no longer knows the session. */
export async function startRunning(session: StoredSession, onLoggedOut: () => void): Promise<Running> {
  const baseUrl = window.location.origin;
  const tokens = new TokenKeeper(session, (accessToken) => client.setAccessToken(accessToken));
  const transport = new Transport({ baseUrl, tokens });
  const store = await openStore(session.userId);
  const client = createClient({
    baseUrl,
    userId: session.userId,
    deviceId: session.deviceId,
    accessToken: session.accessToken,
    store,
    fetchFn: transport.fetch,
    timelineSupport: true,
    // There are no calls; without this the SDK asks for relays again and again.
    disableVoip: true,
    logger: quietLogger,
  });
  const stops: (() => void)[] = [];
  const on = (target: EventTarget, type: string, listener: () => void): void => {
    target.addEventListener(type, listener);
    stops.push(() => target.removeEventListener(type, listener));
  };
  on(window, "online", () => transport.checkNow());
  on(window, "offline", () => transport.checkNow());
  on(document, "visibilitychange", () => document.visibilityState === "visible" && transport.checkNow());
  stops.push(reportPresence(client), deletionsOf(client).start());
  client.on(HttpApiEvent.SessionLoggedOut, onLoggedOut);

  const ready = new Promise<void>((resolve) => {
    const onSync = (state: SyncState): void => {
      if (state !== SyncState.Prepared && state !== SyncState.Syncing) return;
      client.off(ClientEvent.Sync, onSync);
      resolve();
    };
    client.on(ClientEvent.Sync, onSync);
  });
  let stopped = false;
  void begin(client, transport, () => stopped);
  client.once(ClientEvent.Sync, () => resendPending(client));

  const stop = (): void => {
    stopped = true;
    stops.forEach((undo) => undo());
    client.off(HttpApiEvent.SessionLoggedOut, onLoggedOut);
    client.stopClient();
    transport.close();
  };
  return {
    client,
    transport,
    ready,
    stop,
    async signOut() {
      client.off(HttpApiEvent.SessionLoggedOut, onLoggedOut);
      await deletionsOf(client).flush();
      await client.logout(false).catch(() => {});
      stop();
      mediaCacheOf(client).clear();
      await forget(client);
    },
  };
}

/** Removes the session and all local data. */
export async function forget(client?: MatrixClient): Promise<void> {
  clearSession();
  await client?.store.deleteAllData().catch(() => {});
}

/** The SDK's start asks the server a few things and gives up when it is not there; we do not. */
async function begin(client: MatrixClient, transport: Transport, stopped: () => boolean): Promise<void> {
  for (let delay = 500; !stopped(); delay = Math.min(delay * 2, 10_000)) {
    try {
      await client.startClient({
        initialSyncLimit: 20,
        lazyLoadMembers: true,
        pendingEventOrdering: PendingEventOrdering.Detached,
        threadSupport: false,
        pollTimeout: 30_000,
      });
      return;
    } catch {
      transport.connection.lost();
      await new Promise((resolve) => setTimeout(resolve, delay));
    }
  }
}

async function openStore(userId: string): Promise<MemoryStore> {
  try {
    const store = new IndexedDBStore({ indexedDB, localStorage, dbName: `${DATABASE}:${userId}` });
    await store.startup();
    return store;
  } catch {
    // Private windows may have no database: then everything is loaded anew each time.
    return new MemoryStore({ localStorage });
  }
}

/** Messages that were under way when the page was closed go out under their old transaction ids. */
function resendPending(client: MatrixClient): void {
  for (const room of client.getRooms()) {
    for (const event of room.getPendingEvents()) {
      if (event.status === EventStatus.NOT_SENT) client.resendEvent(event, room).catch(() => {});
    }
  }
}

type SdkLogger = NonNullable<Parameters<typeof createClient>[0]["logger"]>;

const quietLogger: SdkLogger = {
  trace() {},
  debug() {},
  info() {},
  warn() {},
  error(...message: unknown[]) {
    console.error(...message);
  },
  getChild: () => quietLogger,
};
