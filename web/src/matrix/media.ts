import type { MatrixClient } from "matrix-js-sdk";
import { useEffect, useState } from "react";
import { useClient } from "./ClientProvider";

export interface MediaSize {
  /** CSS pixels; the device's pixel ratio is applied here. */
  width: number;
  height: number;
  method?: "crop" | "scale";
}

export interface MediaState {
  /** A blob: address, valid while the component is mounted. */
  url: string | undefined;
  failed: boolean;
}

/** The address of authenticated media (client-server API, "Content repository"), or undefined when `mxc` is not an mxc: URI. */
export function mediaEndpoint(baseUrl: string, mxc: string, size?: MediaSize, pixelRatio = 1): string | undefined {
  const match = /^mxc:\/\/([^/?#]+)\/([A-Za-z0-9_=~.-]+)$/.exec(mxc);
  if (!match) return undefined;
  const [, server, id] = match;
  const path = `${encodeURIComponent(server ?? "")}/${encodeURIComponent(id ?? "")}`;
  const base = `${baseUrl.replace(/\/$/, "")}/_matrix/client/v1/media`;
  if (!size) return `${base}/download/${path}`;
  const ratio = Math.min(Math.max(pixelRatio, 1), 3);
  const query = new URLSearchParams({
    width: String(Math.round(size.width * ratio)),
    height: String(Math.round(size.height * ratio)),
    method: size.method ?? "scale",
  });
  return `${base}/thumbnail/${path}?${query}`;
}

/** Downloads media with the session's token. Rejects when the server refuses. */
export async function fetchMedia(client: MatrixClient, mxc: string, size?: MediaSize, signal?: AbortSignal): Promise<Blob> {
  const url = mediaEndpoint(client.getHomeserverUrl(), mxc, size, globalThis.devicePixelRatio ?? 1);
  if (!url) throw new Error("not a media address");
  const response = await client.http.fetch(url, {
    headers: { Authorization: `Bearer ${client.getAccessToken()}` },
    ...(signal ? { signal } : {}),
  });
  if (!response.ok) throw new Error(`media answered ${response.status}`);
  return response.blob();
}

interface Entry {
  users: number;
  promise: Promise<string>;
  url?: string;
}

/**
 * Blob addresses by request, shared by all who show the same picture. What nobody shows is
 * kept up to `limit` entries, least recently used first out, and its address revoked.
 */
export class MediaCache {
  private readonly entries = new Map<string, Entry>();

  constructor(
    private readonly load: (mxc: string, size?: MediaSize) => Promise<Blob>,
    private readonly limit = 200,
  ) {}

  /** A ready address without waiting, if there is one. */
  peek(mxc: string, size?: MediaSize): string | undefined {
    return this.entries.get(keyOf(mxc, size))?.url;
  }

  acquire(mxc: string, size?: MediaSize): { promise: Promise<string>; release: () => void } {
    const key = keyOf(mxc, size);
    const entry = this.entries.get(key) ?? this.start(key, mxc, size);
    entry.users++;
    this.entries.delete(key);
    this.entries.set(key, entry);
    let released = false;
    return {
      promise: entry.promise,
      release: () => {
        if (released) return;
        released = true;
        entry.users--;
        this.evict();
      },
    };
  }

  /** Revokes everything, at sign-out. */
  clear(): void {
    for (const entry of this.entries.values()) {
      if (entry.url) URL.revokeObjectURL(entry.url);
    }
    this.entries.clear();
  }

  private start(key: string, mxc: string, size?: MediaSize): Entry {
    const entry: Entry = {
      users: 0,
      promise: this.load(mxc, size).then((blob) => (entry.url = URL.createObjectURL(blob))),
    };
    // A failure is not remembered: the next mount tries again.
    entry.promise.catch(() => {
      if (this.entries.get(key) === entry) this.entries.delete(key);
    });
    return entry;
  }

  private evict(): void {
    for (const [key, entry] of this.entries) {
      if (this.entries.size <= this.limit) return;
      if (entry.users > 0 || !entry.url) continue;
      URL.revokeObjectURL(entry.url);
      this.entries.delete(key);
    }
  }
}

const caches = new WeakMap<MatrixClient, MediaCache>();

export function mediaCacheOf(client: MatrixClient): MediaCache {
  let cache = caches.get(client);
  if (!cache) caches.set(client, (cache = new MediaCache((mxc, size) => fetchMedia(client, mxc, size))));
  return cache;
}

/** Loads media (a thumbnail when `size` is given) into a blob: address, with its state. */
export function useMedia(mxc: string | null | undefined, size?: MediaSize): MediaState {
  const client = useClient();
  const cache = mediaCacheOf(client);
  const key = mxc ? keyOf(mxc, size) : "";
  const [state, setState] = useState<MediaState & { key: string }>({ key: "", url: undefined, failed: false });
  const { width, height, method } = size ?? {};

  useEffect(() => {
    if (!mxc) return;
    let mounted = true;
    const wanted = width && height ? { width, height, ...(method ? { method } : {}) } : undefined;
    const { promise, release } = cache.acquire(mxc, wanted);
    promise.then(
      (url) => mounted && setState({ key, url, failed: false }),
      () => mounted && setState({ key, url: undefined, failed: true }),
    );
    return () => {
      mounted = false;
      release();
    };
  }, [cache, key, mxc, width, height, method]);

  if (!mxc) return { url: undefined, failed: false };
  return state.key === key ? state : { url: cache.peek(mxc, size), failed: false };
}

/** The blob: address alone; undefined while loading and after a failure. */
export function useMediaUrl(mxc: string | null | undefined, size?: MediaSize): string | undefined {
  return useMedia(mxc, size).url;
}

function keyOf(mxc: string, size?: MediaSize): string {
  return size ? `${mxc} ${size.width}x${size.height} ${size.method ?? "scale"}` : mxc;
}
