/** A client frame of the WebSocket protocol, without its id. */
export interface Frame {
  method: string;
  params: Record<string, unknown>;
  /**
   * What to do when the connection breaks before the answer: `retry` when repeating is harmless
   * (a transaction id, or the same state again), `drop` when it is stale by then.
   */
  whenLost: "retry" | "drop";
}

const ROOM = /^\/_matrix\/client\/(?:v3|r0|v1)\/rooms\/([^/]+)\/(.+)$/;
const PRESENCE = /^\/_matrix\/client\/(?:v3|r0)\/presence\/[^/]+\/status$/;
/** The server refuses frames over 256 KiB; the envelope needs some of it. */
const MAX_BODY = 200 * 1024;

/** The frame that says the same as an HTTP request, or undefined when the request must stay HTTP. */
export function frameOf(method: string, url: URL, body: unknown): Frame | undefined {
  if (url.search || (typeof body === "string" && body.length > MAX_BODY)) return undefined;
  const content = parse(body);
  if (!content) return undefined;
  if (method === "PUT" && PRESENCE.test(url.pathname)) {
    return { method: "presence", params: content, whenLost: "drop" };
  }
  const match = ROOM.exec(url.pathname);
  if (!match) return undefined;
  const room_id = decodeURIComponent(match[1] ?? "");
  const [verb, ...rest] = (match[2] ?? "").split("/").map(decodeURIComponent);
  const [first = "", second = ""] = rest;
  switch (`${method} ${verb}/${rest.length}`) {
    case "PUT send/2":
      return { method: "send", params: { room_id, type: first, txn_id: second, content }, whenLost: "retry" };
    case "PUT state/1":
    case "PUT state/2":
      return { method: "state", params: { room_id, type: first, state_key: second, content }, whenLost: "retry" };
    case "PUT redact/2": {
      const reason = typeof content["reason"] === "string" ? { reason: content["reason"] } : {};
      // Extensions of the redaction body have no place in the frame.
      if (Object.keys(content).some((key) => key !== "reason")) return undefined;
      return { method: "redact", params: { room_id, event_id: first, txn_id: second, ...reason }, whenLost: "retry" };
    }
    case "PUT typing/1":
      return { method: "typing", params: { ...content, room_id }, whenLost: "drop" };
    case "POST receipt/2":
      return { method: "receipt", params: { ...content, room_id, receipt_type: first, event_id: second }, whenLost: "retry" };
    case "POST read_markers/0":
      return { method: "read_marker", params: { ...content, room_id }, whenLost: "retry" };
    default:
      return undefined;
  }
}

function parse(body: unknown): Record<string, unknown> | undefined {
  if (body === undefined || body === null || body === "") return {};
  if (typeof body !== "string") return undefined;
  try {
    const value: unknown = JSON.parse(body);
    return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}

const STATUS: Record<string, number> = {
  M_UNKNOWN_TOKEN: 401,
  M_MISSING_TOKEN: 401,
  M_FORBIDDEN: 403,
  M_GUEST_ACCESS_FORBIDDEN: 403,
  M_NOT_FOUND: 404,
  M_UNRECOGNIZED: 404,
  M_TOO_LARGE: 413,
  M_LIMIT_EXCEEDED: 429,
  M_UNKNOWN: 500,
  M_RESOURCE_LIMIT_EXCEEDED: 403,
};

/** The HTTP status the SDK expects with a Matrix error code. */
export function statusOf(errcode: string): number {
  return STATUS[errcode] ?? 400;
}

export function jsonResponse(status: number, body: unknown): Response {
  return new Response(JSON.stringify(body), { status, headers: { "Content-Type": "application/json" } });
}
