import { ApiError, request } from "./http";

/** What is kept between visits: enough to go on without signing in. */
export interface StoredSession {
  userId: string;
  deviceId: string;
  accessToken: string;
  refreshToken?: string | undefined;
  /** Milliseconds since the epoch, when the access token expires. */
  expiresAt?: number | undefined;
}

/** The answer of /login and /register. */
export interface Credentials {
  user_id: string;
  device_id: string;
  access_token: string;
  refresh_token?: string;
  expires_in_ms?: number;
}

const KEY = "chatbook.session";
/** Renew a little early, so that a request does not run into the expiry. */
const EARLY_MS = 30_000;

export function loadSession(storage: Storage = localStorage): StoredSession | null {
  try {
    const stored = JSON.parse(storage.getItem(KEY) ?? "null") as Partial<StoredSession> | null;
    return stored?.userId && stored.deviceId && stored.accessToken ? (stored as StoredSession) : null;
  } catch {
    return null;
  }
}

export function saveSession(session: StoredSession, storage: Storage = localStorage): void {
  storage.setItem(KEY, JSON.stringify(session));
}

export function clearSession(storage: Storage = localStorage): void {
  storage.removeItem(KEY);
}

export function sessionFrom(credentials: Credentials, now = Date.now()): StoredSession {
  return {
    userId: credentials.user_id,
    deviceId: credentials.device_id,
    accessToken: credentials.access_token,
    refreshToken: credentials.refresh_token,
    expiresAt: credentials.expires_in_ms === undefined ? undefined : now + credentials.expires_in_ms,
  };
}

/** Tells when another tab signs in or out. */
export function onSessionChange(listener: (session: StoredSession | null) => void): () => void {
  const onStorage = (event: StorageEvent): void => {
    if (event.key === KEY) listener(loadSession());
  };
  window.addEventListener("storage", onStorage);
  return () => window.removeEventListener("storage", onStorage);
}

/**
 * The access token of the running session, renewed with the refresh token (client-server API,
 * "Refreshing access tokens") by one tab at a time: a refresh token works once.
 */
export class TokenKeeper {
  private refreshing: Promise<boolean> | null = null;

  constructor(
    private session: StoredSession,
    private readonly onRenewed: (accessToken: string) => void = () => {},
    private readonly storage: Storage = localStorage,
    private readonly now: () => number = Date.now,
    private readonly fetch: typeof globalThis.fetch = (...args) => globalThis.fetch(...args),
  ) {}

  get token(): string {
    return this.session.accessToken;
  }

  /** The token to use for the next request, renewed first when it is about to expire. */
  async fresh(): Promise<string> {
    const { expiresAt, refreshToken, accessToken } = this.session;
    if (refreshToken && expiresAt !== undefined && expiresAt - this.now() < EARLY_MS) await this.renew(accessToken);
    return this.session.accessToken;
  }

  /** After `stale` was refused. False: sign in again. Rejects when the server could not be asked. */
  renew(stale: string): Promise<boolean> {
    if (this.session.accessToken !== stale) return Promise.resolve(true);
    this.refreshing ??= withLock(() => this.refresh(stale)).finally(() => (this.refreshing = null));
    return this.refreshing;
  }

  private async refresh(stale: string): Promise<boolean> {
    const stored = loadSession(this.storage);
    if (stored && stored.userId === this.session.userId && stored.accessToken !== stale) {
      // Another tab was faster.
      this.adopt(stored);
      return true;
    }
    const { refreshToken } = this.session;
    if (!refreshToken) return false;
    try {
      const answer = await request<Omit<Credentials, "user_id" | "device_id">>("POST", "/_matrix/client/v3/refresh", {
        body: { refresh_token: refreshToken },
        fetch: this.fetch,
      });
      const { userId, deviceId } = this.session;
      const next = sessionFrom({ refresh_token: refreshToken, ...answer, user_id: userId, device_id: deviceId }, this.now());
      saveSession(next, this.storage);
      this.adopt(next);
      return true;
    } catch (error) {
      if (error instanceof ApiError && error.status >= 400 && error.status < 500 && error.status !== 429) return false;
      throw error;
    }
  }

  private adopt(session: StoredSession): void {
    this.session = session;
    this.onRenewed(session.accessToken);
  }
}

function withLock<T>(work: () => Promise<T>): Promise<T> {
  const locks = globalThis.navigator?.locks;
  return locks ? (locks.request("chatbook.refresh", work) as Promise<T>) : work();
}
