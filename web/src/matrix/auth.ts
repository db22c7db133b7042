import { ApiError, request } from "./http";
import { sessionFrom } from "./session";
import type { Credentials, StoredSession } from "./session";

const DEVICE = { initial_device_display_name: deviceName(globalThis.navigator?.userAgent ?? ""), refresh_token: true };

export async function signIn(user: string, password: string): Promise<StoredSession> {
  const credentials = await request<Credentials>("POST", "/_matrix/client/v3/login", {
    body: { type: "m.login.password", identifier: { type: "m.id.user", user: user.trim() }, password, ...DEVICE },
  });
  return sessionFrom(credentials);
}

/** Whether a name can be registered; rejects with why not. */
export async function checkUsername(username: string): Promise<void> {
  await request("GET", `/_matrix/client/v3/register/available?username=${encodeURIComponent(username)}`);
}

interface Challenge {
  session?: string;
  flows?: { stages: string[] }[];
  completed?: string[];
}

export type SignUpResult =
  | { kind: "done"; session: StoredSession }
  /** The server asks for an invitation (a registration token); `wrong` when the one given was refused. */
  | { kind: "token"; wrong: boolean }
  /** The server asks for steps this client does not have, such as e-mail. */
  | { kind: "unsupported"; stages: string[] };

const TOKEN_STAGE = "m.login.registration_token";
const SUPPORTED = [TOKEN_STAGE, "m.login.dummy"];

/** Registers through user-interactive authentication. Rejects with ApiError for a taken name, a weak password … */
export async function signUp(username: string, password: string, token?: string): Promise<SignUpResult> {
  const body = { username, password, ...DEVICE };
  let auth: Record<string, unknown> | undefined;
  for (let step = 0; step < 5; step++) {
    let challenge: Challenge & { errcode?: unknown };
    try {
      const credentials = await request<Credentials>("POST", "/_matrix/client/v3/register", { body: auth ? { ...body, auth } : body });
      return { kind: "done", session: sessionFrom(credentials) };
    } catch (error) {
      if (!(error instanceof ApiError) || error.status !== 401 || !Array.isArray(error.data["flows"])) throw error;
      challenge = error.data as Challenge;
    }
    const stage = nextStage(challenge);
    if (!stage) return { kind: "unsupported", stages: challenge.flows?.[0]?.stages ?? [] };
    if (stage === TOKEN_STAGE && (!token || auth?.["type"] === TOKEN_STAGE)) return { kind: "token", wrong: Boolean(token) };
    auth = { type: stage, session: challenge.session, ...(stage === TOKEN_STAGE ? { token } : {}) };
  }
  throw new ApiError(400, "M_UNKNOWN", "registration does not end");
}

/** Whether the server lets people sign up at all, and whether it wants an invitation. */
export async function signUpOffer(): Promise<"open" | "token" | "closed"> {
  try {
    await request("POST", "/_matrix/client/v3/register", { body: {} });
    return "open";
  } catch (error) {
    if (!(error instanceof ApiError) || error.status === 0 || error.status >= 500 || error.status === 429) return "open";
    const flows = (error.data as Challenge).flows;
    if (!flows) return error.status === 403 ? "closed" : "open";
    return flows.some((flow) => !flow.stages.includes(TOKEN_STAGE)) ? "open" : "token";
  }
}

function nextStage(challenge: Challenge): string | undefined {
  const done = challenge.completed ?? [];
  const flow = challenge.flows?.find(({ stages }) => stages.every((stage) => SUPPORTED.includes(stage)));
  return flow?.stages.find((stage) => !done.includes(stage));
}

/** 0 (nothing) to 4 (strong): by length and variety, without sending it anywhere. */
export function passwordStrength(password: string): 0 | 1 | 2 | 3 | 4 {
  if (!password) return 0;
  const kinds = [/[a-z]/, /[A-Z]/, /\d/, /[^A-Za-z0-9]/].filter((kind) => kind.test(password)).length;
  const distinct = new Set(password).size;
  const score = Math.min(password.length, distinct * 2) + kinds * 2;
  if (password.length < 8 || distinct < 4) return 1;
  if (score < 14) return 2;
  return score < 19 ? 3 : 4;
}

export function deviceName(userAgent: string): string {
  const browser = /Edg\//.test(userAgent)
    ? "Edge"
    : /Firefox\//.test(userAgent)
      ? "Firefox"
      : /Chrom(e|ium)\//.test(userAgent)
        ? "Chrome"
        : /Safari\//.test(userAgent)
          ? "Safari"
          : "browser";
  const system = /Android/.test(userAgent)
    ? "Android"
    : /iPhone|iPad/.test(userAgent)
      ? "iOS"
      : /Windows/.test(userAgent)
        ? "Windows"
        : /Mac OS/.test(userAgent)
          ? "macOS"
          : /Linux/.test(userAgent)
            ? "Linux"
            : "";
  return system ? `Chatbook in ${browser} on ${system}` : `Chatbook in ${browser}`;
}
