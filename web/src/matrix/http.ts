/** An answer of the server that says no, or a network failure (`status` 0). */
export class ApiError extends Error {
  override readonly name = "ApiError";

  constructor(
    readonly status: number,
    readonly errcode: string,
    message: string,
    /** The whole body: user-interactive authentication answers 401 with flows in it. */
    readonly data: Record<string, unknown> = {},
  ) {
    super(message);
  }

  get retryAfterMs(): number | undefined {
    const ms = this.data["retry_after_ms"];
    return typeof ms === "number" ? ms : undefined;
  }
}

export interface RequestOptions {
  body?: unknown;
  token?: string;
  fetch?: typeof globalThis.fetch;
}

/** A JSON request to this server without the SDK: for what happens before there is a session. Rejects with ApiError. */
export async function request<T>(method: string, path: string, { body, token, fetch = globalThis.fetch }: RequestOptions = {}): Promise<T> {
  let response: Response;
  try {
    response = await fetch(path, {
      method,
      headers: {
        Accept: "application/json",
        ...(body === undefined ? {} : { "Content-Type": "application/json" }),
        ...(token ? { Authorization: `Bearer ${token}` } : {}),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
  } catch (cause) {
    throw new ApiError(0, "NETWORK", String(cause));
  }
  const data = (await response.json().catch(() => ({}))) as Record<string, unknown>;
  if (!response.ok) {
    throw new ApiError(response.status, String(data["errcode"] ?? "M_UNKNOWN"), String(data["error"] ?? response.statusText), data);
  }
  return data as T;
}

/**
 * The key of a sentence (namespace "matrix", `errors.*`) that says in plain words what went wrong.
 * Accepts whatever was thrown: our ApiError, the SDK's MatrixError or ConnectionError.
 */
export function errorKey(error: unknown): string {
  const e = error as { errcode?: unknown; name?: unknown; status?: unknown; httpStatus?: unknown } | null;
  const code = typeof e?.errcode === "string" ? e.errcode : "";
  if (code in known) return `errors.${known[code]}`;
  const status = Number(e?.status ?? e?.httpStatus ?? Number.NaN);
  if (e?.name === "ConnectionError" || e?.name === "TypeError" || status === 0) return "errors.network";
  if (status === 413) return "errors.tooLarge";
  if (status >= 500) return "errors.server";
  return "errors.unknown";
}

const known: Record<string, string> = {
  NETWORK: "network",
  M_FORBIDDEN: "forbidden",
  M_LIMIT_EXCEEDED: "limit",
  M_UNKNOWN_TOKEN: "signedOut",
  M_USER_DEACTIVATED: "deactivated",
  M_USER_IN_USE: "userInUse",
  M_INVALID_USERNAME: "badUsername",
  M_EXCLUSIVE: "userInUse",
  M_WEAK_PASSWORD: "weakPassword",
  M_ROOM_IN_USE: "aliasInUse",
  M_NOT_FOUND: "notFound",
  M_TOO_LARGE: "tooLarge",
  M_RESOURCE_LIMIT_EXCEEDED: "full",
  M_BAD_STATE: "badState",
  M_INVALID_PARAM: "invalid",
  M_BAD_JSON: "invalid",
};
