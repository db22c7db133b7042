import { useSyncExternalStore } from "react";

export type SettingsPage = "profile" | "appearance" | "devices" | "account";

/** What lies over the screen; closing it is going back. */
export type Overlay = { name: "new-chat"; query?: string } | { name: "new-room" } | { name: "invite" } | { name: "explore" } | { name: "settings"; page: SettingsPage };

export type Panel = "details" | "person";

/** Where the user is. The URL is the only place that keeps it. */
export interface Route {
  /** A room id or alias; undefined shows the room list alone. */
  roomId?: string | undefined;
  /** An event to jump to. */
  eventId?: string | undefined;
  panel?: Panel | undefined;
  /** With the panel "person". */
  personId?: string | undefined;
  overlay?: Overlay | undefined;
}

const SETTINGS: readonly string[] = ["profile", "appearance", "devices", "account"];

export function parseRoute(url: URL): Route {
  const [first, roomId, eventId] = url.pathname.split("/").filter(Boolean).map(safeDecode);
  const route: Route = {};
  if (first === "room" && roomId) {
    route.roomId = roomId;
    if (eventId) route.eventId = eventId;
  }
  const panel = url.searchParams.get("panel");
  const person = url.searchParams.get("person");
  if (route.roomId && person) Object.assign(route, { panel: "person", personId: person });
  else if (route.roomId && panel === "details") route.panel = "details";
  const overlay = parseOverlay(url.searchParams);
  if (overlay) route.overlay = overlay;
  return route;
}

export function hrefOf(route: Route): string {
  const params = new URLSearchParams();
  if (route.panel === "details") params.set("panel", "details");
  if (route.panel === "person" && route.personId) params.set("person", route.personId);
  const { overlay } = route;
  if (overlay?.name === "settings") params.set("open", `settings/${overlay.page}`);
  else if (overlay) params.set("open", overlay.name);
  if (overlay?.name === "new-chat" && overlay.query) params.set("q", overlay.query);
  const path = route.roomId
    ? `/room/${encodeURIComponent(route.roomId)}${route.eventId ? `/${encodeURIComponent(route.eventId)}` : ""}`
    : "/";
  const query = params.toString();
  return query ? `${path}?${query}` : path;
}

/** Where a link in a message leads inside this client: an address of its own, or a matrix.to link to a room or message. */
export function routeOfLink(href: string): Route | undefined {
  if (!URL.canParse(href)) return undefined;
  const url = new URL(href);
  if (url.origin === window.location.origin) {
    const route = parseRoute(url);
    return route.roomId ? { roomId: route.roomId, eventId: route.eventId } : undefined;
  }
  if (url.origin !== "https://matrix.to") return undefined;
  const [roomId, eventId] = url.hash.replace(/^#\/|\?.*$/g, "").split("/").map(safeDecode);
  return roomId && /^[!#]/.test(roomId) ? { roomId, eventId: eventId || undefined } : undefined;
}

function parseOverlay(params: URLSearchParams): Overlay | undefined {
  const open = params.get("open") ?? "";
  if (open === "new-room" || open === "explore" || open === "invite") return { name: open };
  if (open === "new-chat") {
    const query = params.get("q");
    return { name: open, ...(query ? { query } : {}) };
  }
  const [name, page = "profile"] = open.split("/");
  if (name === "settings") return { name, page: SETTINGS.includes(page) ? (page as SettingsPage) : "profile" };
  return undefined;
}

function safeDecode(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

let current: { href: string; route: Route } | null = null;
const listeners = new Set<() => void>();

export function currentRoute(): Route {
  const { href } = window.location;
  if (current?.href !== href) current = { href, route: parseRoute(new URL(href)) };
  return current.route;
}

export function navigate(route: Route, { replace = false }: { replace?: boolean } = {}): void {
  const href = hrefOf(route);
  if (href === window.location.pathname + window.location.search) return;
  if (replace) window.history.replaceState(window.history.state, "", href);
  else window.history.pushState({ inside: true }, "", href);
  listeners.forEach((listener) => listener());
}

/** Opens something over the current screen. */
export function openOverlay(overlay: Overlay): void {
  navigate({ ...currentRoute(), overlay });
}

/** Closes an overlay or panel: goes back where this visit came from, else to `fallback`. */
export function goBack(fallback: Route): void {
  if ((window.history.state as { inside?: boolean } | null)?.inside) window.history.back();
  else navigate(fallback, { replace: true });
}

export function useRoute(): Route {
  return useSyncExternalStore(subscribe, currentRoute);
}

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  window.addEventListener("popstate", listener);
  return () => {
    listeners.delete(listener);
    window.removeEventListener("popstate", listener);
  };
}
