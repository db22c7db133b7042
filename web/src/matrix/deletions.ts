/**
 * Messages about to be deleted. A deletion can be undone for a few seconds, in which only this browser hides the
 * message; then the server is told. What waits is kept in the storage and survives the page: leaving it sends at once,
 * because who closes the tab believes the message gone, and what did not get out goes at the next start. The
 * transaction id is chosen in the beginning, so that sending twice deletes once.
 */
import { Method, type MatrixClient } from "matrix-js-sdk";

export const UNDO_MS = 6000;
const RETRY_MS = 2000;
const LONGEST_RETRY_MS = 60_000;

interface Deletion {
  readonly roomId: string;
  readonly eventId: string;
  readonly txnId: string;
  readonly reason?: string;
  /** When it is sent, milliseconds since the epoch. */
  readonly due: number;
}

export type Outcome = "deleted" | "undone" | "refused";

export class Deletions {
  private readonly hidden = new Set<string>();
  /** What this page itself will send, by event id. */
  private readonly own = new Map<string, { timer: ReturnType<typeof setTimeout> | undefined; settle: (outcome: Outcome) => void }>();
  private readonly listeners = new Set<() => void>();
  private readonly key: string;
  /** False when the storage is full or forbidden: then this page's memory is all there is. */
  private persistent = true;

  constructor(
    private readonly client: MatrixClient,
    private readonly storage: Storage = localStorage,
    private readonly now: () => number = Date.now,
  ) {
    this.key = `chatbook.deletions.${client.getSafeUserId()}`;
  }

  readonly subscribe = (listener: () => void): (() => void) => {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  };

  /** Whether to show the message as deleted already. */
  isHidden(eventId: string): boolean {
    return this.hidden.has(eventId);
  }

  /** Whether `undo` would still bring it back. */
  canUndo(eventId: string): boolean {
    return this.own.get(eventId)?.timer !== undefined;
  }

  /** Hides the message now and deletes it when the time to undo is over. */
  delete(roomId: string, eventId: string, reason?: string): Promise<Outcome> {
    if (this.own.has(eventId)) return Promise.resolve("deleted");
    const deletion: Deletion = { roomId, eventId, txnId: this.client.makeTxnId(), due: this.now() + UNDO_MS, ...(reason ? { reason } : {}) };
    this.keep([...this.kept(), deletion]);
    return this.wait(deletion);
  }

  undo(eventId: string): void {
    const waiting = this.own.get(eventId);
    if (waiting?.timer === undefined) return;
    clearTimeout(waiting.timer);
    this.own.delete(eventId);
    this.forget(eventId);
    this.show(eventId);
    waiting.settle("undone");
  }

  /** Takes up what another page left behind, and watches for the end of this one. Returns what stops it. */
  start(): () => void {
    for (const deletion of this.kept()) void this.wait(deletion);
    const leave = (): void => this.leave();
    window.addEventListener("pagehide", leave);
    return () => {
      window.removeEventListener("pagehide", leave);
      for (const { timer } of this.own.values()) clearTimeout(timer);
      this.own.clear();
    };
  }

  /** Sends everything that waits, before a sign-out. */
  async flush(): Promise<void> {
    const mine = this.kept().filter(({ eventId }) => this.own.has(eventId));
    await Promise.all(mine.map((deletion) => this.put(deletion).then(() => this.forget(deletion.eventId), () => undefined)));
  }

  private wait(deletion: Deletion): Promise<Outcome> {
    const { eventId, due } = deletion;
    this.hidden.add(eventId);
    const outcome = new Promise<Outcome>((settle) => {
      this.own.set(eventId, { timer: setTimeout(() => void this.send(deletion), Math.max(0, due - this.now())), settle });
    });
    this.emit();
    return outcome;
  }

  private async send(deletion: Deletion, retryMs = RETRY_MS): Promise<void> {
    const { eventId } = deletion;
    const waiting = this.own.get(eventId);
    if (!waiting) return;
    waiting.timer = undefined;
    this.emit();
    // Another tab may have undone or finished it.
    if (this.persistent && !this.kept().some((kept) => kept.eventId === eventId)) return this.finish(eventId, "undone");
    try {
      await this.put(deletion);
      this.finish(eventId, "deleted");
    } catch (error) {
      if (isRefusal(error)) return this.finish(eventId, "refused");
      // Not `timer`: it is too late to undo, the server may know already.
      setTimeout(() => void this.send(deletion, Math.min(retryMs * 2, LONGEST_RETRY_MS)), retryMs);
    }
  }

  private finish(eventId: string, outcome: Outcome): void {
    const waiting = this.own.get(eventId);
    this.own.delete(eventId);
    this.forget(eventId);
    if (outcome === "deleted") this.emit();
    else this.show(eventId);
    waiting?.settle(outcome);
  }

  private put({ roomId, eventId, txnId, reason }: Deletion): Promise<unknown> {
    return this.client.http.authedRequest(Method.Put, pathOf(roomId, eventId, txnId), undefined, reason ? { reason } : {});
  }

  /** The page ends: no answer can be waited for, and nobody can undo any more. */
  private leave(): void {
    const gone = this.now();
    const all = this.kept().map((kept) => (this.own.has(kept.eventId) ? { ...kept, due: gone } : kept));
    this.keep(all);
    for (const { roomId, eventId, txnId, reason } of all.filter((kept) => this.own.has(kept.eventId))) {
      fetch(`${this.client.getHomeserverUrl()}/_matrix/client/v3${pathOf(roomId, eventId, txnId)}`, {
        method: "PUT",
        keepalive: true,
        headers: { Authorization: `Bearer ${this.client.getAccessToken()}`, "Content-Type": "application/json" },
        body: JSON.stringify(reason ? { reason } : {}),
      }).catch(() => undefined);
    }
  }

  private show(eventId: string): void {
    this.hidden.delete(eventId);
    this.emit();
  }

  private emit(): void {
    this.listeners.forEach((listener) => listener());
  }

  private forget(eventId: string): void {
    this.keep(this.kept().filter((kept) => kept.eventId !== eventId));
  }

  private kept(): readonly Deletion[] {
    try {
      const saved: unknown = JSON.parse(this.storage.getItem(this.key) ?? "[]");
      return Array.isArray(saved) ? saved.filter(isDeletion) : [];
    } catch {
      return [];
    }
  }

  private keep(deletions: readonly Deletion[]): void {
    try {
      if (deletions.length === 0) this.storage.removeItem(this.key);
      else this.storage.setItem(this.key, JSON.stringify(deletions));
    } catch {
      // It costs the safety net, not the deletion.
      this.persistent = false;
    }
  }
}

const all = new WeakMap<MatrixClient, Deletions>();

export function deletionsOf(client: MatrixClient): Deletions {
  let deletions = all.get(client);
  if (!deletions) all.set(client, (deletions = new Deletions(client)));
  return deletions;
}

function pathOf(roomId: string, eventId: string, txnId: string): string {
  return `/rooms/${encodeURIComponent(roomId)}/redact/${encodeURIComponent(eventId)}/${encodeURIComponent(txnId)}`;
}

/** The server understood and said no; anything else may go better later. */
function isRefusal(error: unknown): boolean {
  const status = (error as { httpStatus?: unknown } | null)?.httpStatus;
  return typeof status === "number" && status >= 400 && status < 500 && status !== 401 && status !== 408 && status !== 429;
}

function isDeletion(value: unknown): value is Deletion {
  if (typeof value !== "object" || value === null) return false;
  const { roomId, eventId, txnId, due } = value as Partial<Deletion>;
  return typeof roomId === "string" && typeof eventId === "string" && typeof txnId === "string" && typeof due === "number";
}
