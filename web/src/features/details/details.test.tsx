import { screen, waitFor, within } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { beforeEach, expect, test, vi } from "vitest";
import { expectAccessible } from "@/test/axe";
import { addRoom, clientBefore, ME } from "@/test/client";
import type { RoomFacts, Routes } from "@/test/client";
import { renderView } from "@/test/render";
import { DetailsPanel } from "./DetailsPanel";

const people = {
  "@ada:x": { name: "Ada Okafor", power: 100 },
  [ME]: { name: "Lena Maier", power: 0 },
  "@tom:x": { name: "Tom Brandt", power: 50 },
  "@ilse:x": { name: "Ilse Vermeer" },
} satisfies RoomFacts["people"];

function show(facts: Partial<RoomFacts>, routes: Routes = {}, personId?: string) {
  const client = clientBefore({ "GET /rooms/": () => [200, { chunk: [] }], ...routes });
  const room = addRoom(client, "!r", { name: "Garden", topic: "Plots and seeds", people, ...facts });
  room.loadMembersIfNeeded = async () => false;
  return renderView(<DetailsPanel room={room} personId={personId} />, client);
}

beforeEach(() => window.history.replaceState(null, "", "/room/!r"));

test("a room shows what it is about, and its people by what they may do", async () => {
  const { container } = show({});
  expect(screen.getByRole("heading", { level: 2, name: "Garden" })).toBeInTheDocument();
  expect(screen.getByText("Plots and seeds")).toBeInTheDocument();
  const members = screen.getByRole("region", { name: "Members" });
  const names = within(members)
    .getAllByRole("button")
    .map((row) => row.textContent);
  // Lena is here; the others are offline, those who lead first.
  expect(names).toEqual([expect.stringMatching(/Lena Maier.*You/), expect.stringMatching(/Ada Okafor.*Owner/), expect.stringMatching(/Tom Brandt.*Moderator/), expect.stringContaining("Ilse Vermeer")]);
  await expectAccessible(container);
});

test("who may not change a room is not offered it", () => {
  show({});
  expect(screen.getByRole("button", { name: "Edit" })).toBeDisabled();
});

test("a new name and topic are sent, and only what changed", async () => {
  const sent = vi.fn();
  show({ people: { ...people, [ME]: { name: "Lena Maier", power: 100 } } }, { "PUT /rooms/": (body, path) => (sent(path, body), [200, { event_id: "$1" }]) });
  await userEvent.click(screen.getByRole("button", { name: "Edit" }));
  const dialog = screen.getByRole("dialog", { name: "Edit room" });
  await expectAccessible(dialog);
  await userEvent.clear(within(dialog).getByLabelText("What is it about?"));
  await userEvent.type(within(dialog).getByLabelText("What is it about?"), "Saturdays");
  await userEvent.click(within(dialog).getByRole("button", { name: "Save" }));
  await waitFor(() => expect(screen.queryByRole("dialog")).toBeNull());
  expect(sent).toHaveBeenCalledOnce();
  expect(sent).toHaveBeenCalledWith("/rooms/!r/state/m.room.topic/", expect.objectContaining({ topic: "Saturdays" }));
});

test("leaving a private room warns that an invitation is needed to come back", async () => {
  const left = vi.fn();
  show({}, { "POST /rooms/!r/leave": () => (left(), [200, {}]), "POST /rooms/%21r/leave": () => (left(), [200, {}]) });
  await userEvent.click(screen.getByRole("button", { name: "Leave room" }));
  const dialog = screen.getByRole("dialog", { name: "Leave “Garden”?" });
  expect(dialog).toHaveTextContent("you need a new invitation");
  await expectAccessible(dialog);
  await userEvent.click(within(dialog).getByRole("button", { name: "Cancel" }));
  expect(left).not.toHaveBeenCalled();
  await userEvent.click(screen.getByRole("button", { name: "Leave room" }));
  await userEvent.click(within(screen.getByRole("dialog")).getByRole("button", { name: "Leave" }));
  await waitFor(() => expect(left).toHaveBeenCalledOnce());
  expect(window.location.pathname).toBe("/");
});

test("a member may talk with another, and nothing else", async () => {
  const { container } = show({}, {}, "@tom:x");
  expect(screen.getByRole("button", { name: "Message" })).toBeInTheDocument();
  for (const name of ["Remove from room", "Ban from room"]) expect(screen.queryByRole("button", { name })).toBeNull();
  expect(screen.queryByRole("radio")).toBeNull();
  await expectAccessible(container);
});

test("a moderator removes and bans those below, and gives away no more than they have", () => {
  show({ people: { ...people, [ME]: { name: "Lena Maier", power: 100 } } }, {}, "@tom:x");
  expect(screen.getByRole("button", { name: "Remove from room" })).toBeInTheDocument();
  expect(screen.getByRole("button", { name: "Ban from room" })).toBeInTheDocument();
  expect(screen.getByRole("radio", { name: "Moderator" })).toBeChecked();
});
