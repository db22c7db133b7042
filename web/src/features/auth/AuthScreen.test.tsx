import { screen } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { afterEach, expect, test, vi } from "vitest";
import { expectAccessible } from "@/test/axe";
import { renderView } from "@/test/render";
import { AuthScreen } from "./AuthScreen";

const credentials = { user_id: "@ada:x", device_id: "D", access_token: "t" };

function server(routes: Record<string, (body: Record<string, unknown>) => [number, object]>) {
  vi.stubGlobal("fetch", async (url: string, init: RequestInit) => {
    const body = JSON.parse(String(init.body ?? "{}")) as Record<string, unknown>;
    const route = routes[url.replace("/_matrix/client/v3", "")];
    const [status, answer] = route ? route(body) : [404, { errcode: "M_UNRECOGNIZED" }];
    return new Response(JSON.stringify(answer), { status });
  });
}

const flows = (...stages: string[]): [number, object] => [401, { session: "s", flows: [{ stages }] }];

afterEach(() => vi.unstubAllGlobals());

test("signing in hands over the session", async () => {
  const onSession = vi.fn();
  server({ "/login": () => [200, credentials], "/register": () => flows("m.login.dummy") });
  const { container } = renderView(<AuthScreen onSession={onSession} />);
  await expectAccessible(container);
  await userEvent.type(screen.getByLabelText("Name"), "ada");
  await userEvent.type(screen.getByLabelText("Password"), "correct horse{Enter}");
  expect(onSession).toHaveBeenCalledWith(expect.objectContaining({ userId: "@ada:x", accessToken: "t" }));
});

test("a wrong password is said in plain words, without saying which of the two is wrong", async () => {
  server({ "/login": () => [403, { errcode: "M_FORBIDDEN", error: "Invalid" }], "/register": () => flows("m.login.dummy") });
  renderView(<AuthScreen onSession={() => {}} />);
  await userEvent.type(screen.getByLabelText("Name"), "ada");
  await userEvent.type(screen.getByLabelText("Password"), "nope{Enter}");
  expect(await screen.findByRole("alert")).toHaveTextContent("The name or the password is wrong");
});

test("an unreachable server is named as the reason", async () => {
  vi.stubGlobal("fetch", async () => Promise.reject(new TypeError("failed")));
  renderView(<AuthScreen onSession={() => {}} />);
  await userEvent.type(screen.getByLabelText("Name"), "ada");
  await userEvent.type(screen.getByLabelText("Password"), "pw{Enter}");
  expect(await screen.findByRole("alert")).toHaveTextContent("cannot be reached");
});

test("what is missing is said at the field, before asking the server", async () => {
  server({ "/register": () => flows("m.login.dummy") });
  renderView(<AuthScreen onSession={() => {}} />);
  await userEvent.click(screen.getByRole("button", { name: "Create account" }));
  await userEvent.type(screen.getByLabelText("Name"), "Ada L");
  await userEvent.type(screen.getByLabelText("Password"), "short");
  await userEvent.click(screen.getByRole("button", { name: "Create account" }));
  expect(screen.getByLabelText("Name")).toBeInvalid();
  expect(screen.getByText("Use at least 8 characters.")).toBeInTheDocument();
});

test("an account is created with the invitation the server asks for", async () => {
  const onSession = vi.fn();
  server({
    "/register": (body) => {
      const auth = body["auth"] as { type: string; token?: string } | undefined;
      return auth?.token === "GARDEN" ? [200, credentials] : flows("m.login.registration_token");
    },
  });
  const { container } = renderView(<AuthScreen onSession={onSession} />);
  await userEvent.click(screen.getByRole("button", { name: "Create account" }));
  await userEvent.type(screen.getByLabelText("Name"), "ada");
  await userEvent.type(screen.getByLabelText("Password"), "correct horse battery");
  await userEvent.type(await screen.findByLabelText("Invitation code"), "WRONG");
  await expectAccessible(container);
  await userEvent.click(screen.getByRole("button", { name: "Create account" }));
  expect(await screen.findByRole("alert")).toHaveTextContent("does not work");
  await userEvent.clear(screen.getByLabelText("Invitation code"));
  await userEvent.type(screen.getByLabelText("Invitation code"), "GARDEN{Enter}");
  expect(onSession).toHaveBeenCalledOnce();
});

test("a server that takes nobody says so", async () => {
  server({ "/register": () => [403, { errcode: "M_FORBIDDEN" }] });
  renderView(<AuthScreen onSession={() => {}} />);
  expect(await screen.findByText("This server does not take new accounts.")).toBeInTheDocument();
});
