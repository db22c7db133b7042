import { screen, waitFor } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { beforeEach, expect, test, vi } from "vitest";
import { expectAccessible } from "@/test/axe";
import { addRoom, clientBefore, ME } from "@/test/client";
import { renderView } from "@/test/render";
import { ExploreDialog } from "./ExploreDialog";
import { JoinScreen } from "./JoinScreen";
import { NewChatDialog } from "./NewChatDialog";
import { NewRoomDialog } from "./NewRoomDialog";

beforeEach(() => window.history.replaceState(null, "", "/"));

test("a room wants a name, and takes its address from it until another is typed", async () => {
  const made = vi.fn();
  let taken = true;
  renderView(
    <NewRoomDialog onClose={() => {}} />,
    clientBefore({ "POST /createRoom": (body) => (taken ? [400, { errcode: "M_ROOM_IN_USE" }] : (made(body), [200, { room_id: "!new" }])) }),
  );
  await userEvent.click(screen.getByRole("button", { name: "Create room" }));
  expect(screen.getByLabelText("Name")).toBeInvalid();
  await userEvent.type(screen.getByLabelText("Name"), "Größe & Maß!");
  await userEvent.click(screen.getByRole("radio", { name: "Anyone on this server" }));
  expect(screen.getByLabelText("Address")).toHaveValue("große-maß");
  await expectAccessible(screen.getByRole("dialog"));
  await userEvent.click(screen.getByRole("button", { name: "Create room" }));
  expect(await screen.findByText(/This address is taken/)).toBeInTheDocument();
  expect(screen.getByLabelText("Address")).toBeInvalid();
  taken = false;
  await userEvent.clear(screen.getByLabelText("Address"));
  await userEvent.type(screen.getByLabelText("Address"), "sizes");
  await userEvent.click(screen.getByRole("button", { name: "Create room" }));
  await waitFor(() => expect(made).toHaveBeenCalledWith(expect.objectContaining({ name: "Größe & Maß!", room_alias_name: "sizes", visibility: "public" })));
  expect(window.location.pathname).toBe(`/room/${encodeURIComponent("!new")}`);
});

test("public rooms are shown with what they are about; one that the person is in is opened, not joined", async () => {
  const client = clientBefore({
    "POST /publicRooms": () => [
      200,
      {
        chunk: [
          { room_id: "!a", name: "Seed swap", topic: "Bring what you have", num_joined_members: 3, world_readable: false, guest_can_join: false },
          { room_id: "!b", name: "Book club", num_joined_members: 1, world_readable: false, guest_can_join: false },
        ],
      },
    ],
    "GET /publicRooms": () => [200, { chunk: [{ room_id: "!a", name: "Seed swap", topic: "Bring what you have", num_joined_members: 3 }, { room_id: "!b", name: "Book club", num_joined_members: 1 }] }],
  });
  addRoom(client, "!b", { name: "Book club", people: { [ME]: { name: "Lena" } } });
  renderView(<ExploreDialog onClose={() => {}} />, client);
  expect(await screen.findByRole("button", { name: "Join: Seed swap" })).toBeInTheDocument();
  expect(screen.getByText("Bring what you have")).toBeInTheDocument();
  expect(screen.getByText("3 members")).toBeInTheDocument();
  expect(screen.getByRole("button", { name: "Open: Book club" })).toBeInTheDocument();
  await expectAccessible(screen.getByRole("dialog"));
});

test("no public room is said with what to do; a failure with trying again", async () => {
  let answer: [number, object] = [500, { errcode: "M_UNKNOWN" }];
  renderView(<ExploreDialog onClose={() => {}} />, clientBefore({ "GET /publicRooms": () => answer, "POST /publicRooms": () => answer }));
  expect(await screen.findByRole("alert")).toHaveTextContent("The server had a problem.");
  answer = [200, { chunk: [] }];
  await userEvent.click(screen.getByRole("button", { name: "Try again" }));
  expect(await screen.findByText("There are no public rooms yet.")).toBeInTheDocument();
  await expectAccessible(screen.getByRole("dialog"));
  await userEvent.click(screen.getByRole("button", { name: "New room" }));
  expect(window.location.search).toBe("?open=new-room");
});

test("a person is found and chosen with the keyboard alone; who is not there is said", async () => {
  const made = vi.fn();
  const client = clientBefore({
    "POST /user_directory/search": (body) => [200, { limited: false, results: String(body["search_term"]).startsWith("no") ? [{ user_id: "@noor:x", display_name: "Noor Rahman" }] : [] }],
    "POST /createRoom": (body) => (made(body), [200, { room_id: "!direct" }]),
    "PUT /user/": () => [200, {}],
  });
  // What the server would tell in the next sync.
  client.setAccountData = async () => ({});
  renderView(<NewChatDialog query="" onClose={() => {}} />, client);
  const field = screen.getByRole("textbox", { name: "Search people" });
  await userEvent.type(field, "zzz");
  expect(await screen.findByText("Nobody here fits “zzz”.")).toBeInTheDocument();
  await expectAccessible(screen.getByRole("dialog"));
  await userEvent.clear(field);
  await userEvent.type(field, "noor");
  const found = await screen.findByRole("button", { name: /Noor Rahman/ });
  await userEvent.keyboard("{ArrowDown}");
  expect(found).toHaveFocus();
  await userEvent.keyboard("{Enter}");
  await waitFor(() => expect(made).toHaveBeenCalledWith(expect.objectContaining({ is_direct: true, invite: ["@noor:x"] })));
});

test("an invitation names who invites; a refusal to join says why", async () => {
  const client = clientBefore({ "POST /join/": () => [403, { errcode: "M_FORBIDDEN" }] });
  addRoom(client, "!i", { name: "Greenhouse", people: { "@noor:x": { name: "Noor Rahman" }, [ME]: { name: "Lena", membership: "invite" } }, inviter: "@noor:x" });
  const { container, unmount } = renderView(<JoinScreen address="!i" />, client);
  expect(screen.getByText("Noor Rahman invites you to join")).toBeInTheDocument();
  expect(screen.getByRole("button", { name: "Decline" })).toBeInTheDocument();
  await expectAccessible(container);
  unmount();
  renderView(<JoinScreen address="!nowhere" />, client);
  await userEvent.click(screen.getByRole("button", { name: "Join room" }));
  expect(await screen.findByRole("alert")).toHaveTextContent("You are not allowed to do this.");
});
