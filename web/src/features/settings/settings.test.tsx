import { screen, waitFor } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { ToastRegion } from "@/components/Toast";
import { expectAccessible } from "@/test/axe";
import { clientBefore, ME } from "@/test/client";
import type { Routes } from "@/test/client";
import { renderView } from "@/test/render";
import { SettingsDialog } from "./SettingsDialog";
import type { SettingsPage } from "@/matrix/routes";

const devices = [
  { device_id: "HERE", display_name: "Desk", last_seen_ts: Date.now() },
  { device_id: "AWAY", display_name: "Phone", last_seen_ts: 0 },
];
const challenge = (): [number, object] => [401, { session: "s", flows: [{ stages: ["m.login.password"] }] }];

function open(page: SettingsPage, routes: Routes, onSignOut = () => {}) {
  return renderView(
    <>
      <SettingsDialog page={page} onClose={() => {}} onSignOut={onSignOut} />
      <ToastRegion />
    </>,
    clientBefore(routes),
  );
}

beforeEach(() => localStorage.clear());
afterEach(() => delete document.documentElement.dataset["theme"]);

test("a name is saved once it differs", async () => {
  const saved = vi.fn();
  open("profile", {
    "GET /profile/": () => [200, { displayname: "Lena" }],
    "PUT /profile/": (body, path) => (saved(path, body), [200, {}]),
  });
  const field = await screen.findByLabelText("Name");
  expect(screen.getByText(ME)).toBeInTheDocument();
  expect(screen.getByRole("button", { name: "Save" })).toBeDisabled();
  await userEvent.type(field, " Maier");
  await userEvent.click(screen.getByRole("button", { name: "Save" }));
  expect(saved).toHaveBeenCalledWith(`/profile/${ME}/displayname`, { displayname: "Lena Maier" });
  expect(await screen.findByText("Saved.")).toBeInTheDocument();
  await expectAccessible(screen.getByRole("dialog"));
});

test("a profile that cannot be loaded says so, and is loaded by trying again", async () => {
  let broken = true;
  open("profile", { "GET /profile/": () => (broken ? [500, { errcode: "M_UNKNOWN" }] : [200, { displayname: "Lena" }]) });
  expect(await screen.findByRole("alert")).toHaveTextContent("The server had a problem.");
  await expectAccessible(screen.getByRole("dialog"));
  broken = false;
  await userEvent.click(screen.getByRole("button", { name: "Try again" }));
  expect(await screen.findByLabelText("Name")).toHaveValue("Lena");
});

test("the colours are chosen among three", async () => {
  open("appearance", {});
  await userEvent.click(screen.getByRole("radio", { name: "Dark" }));
  expect(document.documentElement.dataset["theme"]).toBe("dark");
  await userEvent.click(screen.getByRole("radio", { name: "As the system" }));
  expect(document.documentElement.dataset["theme"]).toBeUndefined();
  await expectAccessible(screen.getByRole("dialog"));
});

test("another device is signed out with the password, this one is only renamed", async () => {
  let left = devices;
  open("devices", {
    "GET /devices": () => [200, { devices: left }],
    "PUT /devices/HERE": (body) => ((left = left.map((device) => (device.device_id === "HERE" ? { ...device, display_name: String(body["display_name"]) } : device))), [200, {}]),
    "POST /delete_devices": (body) => {
      const auth = body["auth"] as { password?: string } | undefined;
      if (auth?.password !== "right") return auth ? [401, { ...(challenge()[1] as object), errcode: "M_FORBIDDEN" }] : challenge();
      left = left.filter((device) => !(body["devices"] as string[]).includes(device.device_id));
      return [200, {}];
    },
  });
  await screen.findByText("Phone");
  await expectAccessible(screen.getByRole("dialog"));
  expect(screen.queryByRole("button", { name: "Sign out: Desk" })).toBeNull();
  await userEvent.click(screen.getByRole("button", { name: "Rename: Desk" }));
  await userEvent.clear(screen.getByLabelText("Device name"));
  await userEvent.type(screen.getByLabelText("Device name"), "Kitchen{Enter}");
  expect(await screen.findByText("Kitchen")).toBeInTheDocument();

  await userEvent.click(screen.getByRole("button", { name: "Sign out: Phone" }));
  await userEvent.type(screen.getByLabelText("Your password"), "wrong{Enter}");
  expect(await screen.findByText("The password is wrong.")).toBeInTheDocument();
  await userEvent.clear(screen.getByLabelText("Your password"));
  await userEvent.type(screen.getByLabelText("Your password"), "right{Enter}");
  await waitFor(() => expect(screen.queryByText("Phone")).toBeNull());
  expect(screen.getByText("You are signed in nowhere else.")).toBeInTheDocument();
});

test("a password changes only with the present one", async () => {
  const changed = vi.fn();
  open("account", {
    "POST /account/password": (body) => {
      const auth = body["auth"] as { password?: string };
      if (!auth.password) return challenge();
      if (auth.password !== "right") return [401, { ...(challenge()[1] as object), errcode: "M_FORBIDDEN" }];
      changed(body["new_password"], body["logout_devices"]);
      return [200, {}];
    },
  });
  await expectAccessible(screen.getByRole("dialog"));
  await userEvent.type(screen.getByLabelText("Present password"), "wrong");
  await userEvent.type(screen.getByLabelText("New password"), "short{Enter}");
  expect(screen.getByText("Use at least 8 characters.")).toBeInTheDocument();
  await userEvent.type(screen.getByLabelText("New password"), " of nothing{Enter}");
  expect(await screen.findByText("The password is wrong.")).toBeInTheDocument();
  expect(changed).not.toHaveBeenCalled();
  await userEvent.clear(screen.getByLabelText("Present password"));
  await userEvent.type(screen.getByLabelText("Present password"), "right{Enter}");
  await waitFor(() => expect(changed).toHaveBeenCalledWith("short of nothing", true));
});
