import type { AuthDict, MatrixClient } from "matrix-js-sdk";

/**
 * Does something the server wants the password for (user-interactive authentication, stage
 * m.login.password). `act` is called without, then with the answer to the server's challenge.
 * Rejects with the server's M_FORBIDDEN when the password is wrong.
 */
export async function withPassword<T>(client: MatrixClient, password: string, act: (auth?: AuthDict) => Promise<T>): Promise<T> {
  try {
    return await act();
  } catch (error) {
    const challenge = error as { httpStatus?: number; data?: { session?: string; flows?: unknown } };
    if (challenge.httpStatus !== 401 || !challenge.data?.flows) throw error;
    const auth = {
      type: "m.login.password",
      identifier: { type: "m.id.user", user: client.getSafeUserId() },
      password,
      ...(challenge.data.session ? { session: challenge.data.session } : {}),
    };
    return act(auth as AuthDict);
  }
}

/** The server answers a wrong password in a challenge with 401 again, or with 403. */
export function isWrongPassword(error: unknown): boolean {
  const { httpStatus, errcode } = error as { httpStatus?: number; errcode?: string };
  return errcode === "M_FORBIDDEN" || (httpStatus === 401 && errcode !== "M_UNKNOWN_TOKEN");
}
