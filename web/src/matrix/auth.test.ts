import { afterEach, expect, test, vi } from "vitest";
import { deviceName, passwordStrength, signUp, signUpOffer } from "./auth";

const done = { user_id: "@a:x", device_id: "D", access_token: "t" };
const challenge = (stages: string[], extra: object = {}) => [401, { session: "s", flows: [{ stages }], ...extra }] as const;

function server(...answers: (readonly [number, object])[]) {
  const bodies: Record<string, unknown>[] = [];
  vi.stubGlobal("fetch", async (_url: string, init: RequestInit) => {
    bodies.push(JSON.parse(String(init.body)) as Record<string, unknown>);
    const [status, body] = answers[bodies.length - 1] ?? [500, {}];
    return new Response(JSON.stringify(body), { status });
  });
  return bodies;
}

afterEach(() => vi.unstubAllGlobals());

test("an open server is passed with the dummy stage", async () => {
  const bodies = server(challenge(["m.login.dummy"]), [200, done]);
  expect(await signUp("a", "pw")).toMatchObject({ kind: "done", session: { userId: "@a:x" } });
  expect(bodies[1]?.["auth"]).toEqual({ type: "m.login.dummy", session: "s" });
});

test("an invitation is asked for, then both stages are passed in turn", async () => {
  const stages = ["m.login.registration_token", "m.login.dummy"];
  server(challenge(stages));
  expect(await signUp("a", "pw")).toEqual({ kind: "token", wrong: false });
  const bodies = server(challenge(stages), challenge(stages, { completed: [stages[0]] }), [200, done]);
  expect(await signUp("a", "pw", "INV")).toMatchObject({ kind: "done" });
  expect(bodies.map((body) => (body["auth"] as { type?: string } | undefined)?.type)).toEqual([undefined, ...stages]);
});

test("a wrong invitation is told apart from a missing one", async () => {
  const stages = ["m.login.registration_token"];
  server(challenge(stages), challenge(stages, { errcode: "M_UNAUTHORIZED" }));
  expect(await signUp("a", "pw", "BAD")).toEqual({ kind: "token", wrong: true });
});

test("steps this client does not have are named", async () => {
  server(challenge(["m.login.email.identity"]));
  expect(await signUp("a", "pw")).toEqual({ kind: "unsupported", stages: ["m.login.email.identity"] });
});

test("a taken name is an error, not a step", async () => {
  server([400, { errcode: "M_USER_IN_USE", error: "taken" }]);
  await expect(signUp("a", "pw")).rejects.toMatchObject({ errcode: "M_USER_IN_USE" });
});

test("the server says whether people may sign up", async () => {
  server([403, { errcode: "M_FORBIDDEN" }]);
  expect(await signUpOffer()).toBe("closed");
  server(challenge(["m.login.registration_token"]));
  expect(await signUpOffer()).toBe("token");
  server(challenge(["m.login.dummy"]));
  expect(await signUpOffer()).toBe("open");
});

test("strength grows with length and variety", () => {
  expect(["", "abc", "aaaaaaaaaaaa", "password", "Tr4vels!lightly", "correct horse battery"].map(passwordStrength)).toEqual([0, 1, 1, 2, 4, 4]);
});

test("a device is named after its browser and system", () => {
  expect(deviceName("Mozilla/5.0 (X11; Linux x86_64) Chrome/140 Safari/537")).toBe("Chatbook in Chrome on Linux");
  expect(deviceName("")).toBe("Chatbook in browser");
});
