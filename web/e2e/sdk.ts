import { ClientEvent, createClient, PendingEventOrdering, SyncState } from "matrix-js-sdk";
import type { MatrixClient, Room } from "matrix-js-sdk";
import type { Account } from "./people";

// The SDK is written for Node 22; version 20 lacks this one function of it.
Promise.withResolvers ??= function withResolvers<T>(this: PromiseConstructor) {
  let resolve!: (value: T | PromiseLike<T>) => void;
  let reject!: (reason?: unknown) => void;
  const promise = new this<T>((yes, no) => {
    resolve = yes;
    reject = no;
  });
  return { promise, resolve, reject };
};

const quiet = { trace() {}, debug() {}, info() {}, warn() {}, error() {}, getChild: () => quiet };

/** A person on a Matrix SDK over plain /sync: no part of our client is involved. */
export async function startSdk(url: string, account: Account): Promise<MatrixClient> {
  const client = createClient({ baseUrl: url, userId: account.userId, accessToken: account.token, deviceId: account.deviceId, logger: quiet });
  const ready = new Promise<void>((resolve) => {
    const onSync = (state: SyncState): void => {
      if (state !== SyncState.Prepared) return;
      client.off(ClientEvent.Sync, onSync);
      resolve();
    };
    client.on(ClientEvent.Sync, onSync);
  });
  await client.startClient({ initialSyncLimit: 50, pendingEventOrdering: PendingEventOrdering.Detached });
  await ready;
  return client;
}

/** Waits until `check` gives something; looks again whenever the client hears anything, and each quarter second. */
export async function until<T>(what: string, check: () => T | undefined | null | false, timeoutMs = 30_000): Promise<T> {
  const deadline = Date.now() + timeoutMs;
  for (;;) {
    const value = check();
    if (value) return value;
    if (Date.now() > deadline) throw new Error(`waited in vain for: ${what}`);
    await new Promise((wake) => setTimeout(wake, 250));
  }
}

/** Every message body of the room in the server's order, all of its history. */
export function bodiesOf(room: Room): string[] {
  return room
    .getLiveTimeline()
    .getEvents()
    .filter((event) => event.getType() === "m.room.message")
    .map((event) => String(event.getContent()["body"]));
}

