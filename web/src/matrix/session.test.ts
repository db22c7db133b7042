import { beforeEach, expect, test, vi } from "vitest";
import { loadSession, saveSession, sessionFrom, TokenKeeper } from "./session";

const session = sessionFrom({ user_id: "@a:x", device_id: "D", access_token: "t1", refresh_token: "r1", expires_in_ms: 60_000 }, 0);
const answer = (status: number, body: object) => vi.fn<typeof fetch>(async () => new Response(JSON.stringify(body), { status }));

beforeEach(() => localStorage.clear());

test("a broken stored session is no session", () => {
  localStorage.setItem("chatbook.session", "{nope");
  expect(loadSession()).toBeNull();
  saveSession(session);
  expect(loadSession()).toEqual(session);
});

test("a token about to expire is renewed once, however many ask", async () => {
  const http = answer(200, { access_token: "t2", refresh_token: "r2", expires_in_ms: 60_000 });
  const renewed = vi.fn();
  const keeper = new TokenKeeper(session, renewed, localStorage, () => 59_000, http);
  expect(await Promise.all([keeper.fresh(), keeper.fresh(), keeper.fresh()])).toEqual(["t2", "t2", "t2"]);
  expect(http).toHaveBeenCalledOnce();
  expect(renewed).toHaveBeenCalledWith("t2");
  expect(loadSession()).toMatchObject({ accessToken: "t2", refreshToken: "r2", expiresAt: 119_000 });
});

test("what another tab renewed is taken over without spending the refresh token", async () => {
  const http = answer(500, {});
  saveSession({ ...session, accessToken: "t9" });
  const keeper = new TokenKeeper(session, () => {}, localStorage, () => 0, http);
  expect(await keeper.renew("t1")).toBe(true);
  expect(keeper.token).toBe("t9");
  expect(http).not.toHaveBeenCalled();
});

test("a refused refresh token means signing in again; an unreachable server does not", async () => {
  const refused = new TokenKeeper(session, () => {}, localStorage, () => 0, answer(401, { errcode: "M_UNKNOWN_TOKEN" }));
  expect(await refused.renew("t1")).toBe(false);
  const down = new TokenKeeper(session, () => {}, localStorage, () => 0, answer(503, {}));
  await expect(down.renew("t1")).rejects.toMatchObject({ status: 503 });
});
