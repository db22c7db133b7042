import { MatrixEvent, NotificationCountType } from "matrix-js-sdk";
import type { MatrixClient, Room } from "matrix-js-sdk";
import { screen, waitFor, within } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { beforeEach, expect, test, vi } from "vitest";
import { expectAccessible } from "@/test/axe";
import { addRoom, clientBefore, ME } from "@/test/client";
import type { Routes } from "@/test/client";
import { renderView } from "@/test/render";
import { RoomList } from "./RoomList";
import { RoomListViewModel } from "./RoomListViewModel";

function say(room: Room, body: string, ts: number): void {
  const event = new MatrixEvent({ type: "m.room.message", content: { msgtype: "m.text", body }, sender: "@ada:x", room_id: room.roomId, event_id: `$${body}`, origin_server_ts: ts });
  room.getLiveTimeline().addEvent(event, { toStartOfTimeline: false, addToState: false, roomState: room.currentState });
}

const chat = (client: MatrixClient, id: string, name: string, body: string, ts: number): Room => {
  const room = addRoom(client, id, { name, people: { "@ada:x": { name: "Ada Okafor" }, [ME]: { name: "Lena" } } });
  say(room, body, ts);
  return room;
};

function show(client: MatrixClient, selected?: string) {
  return renderView(<RoomList viewModel={new RoomListViewModel(client)} selected={selected} onSignOut={() => {}} />, client);
}

const names = (): string[] => screen.getAllByRole("link").map((link) => link.querySelector("b")?.textContent ?? "");
const before = (routes: Routes = {}): MatrixClient => clientBefore(routes);

beforeEach(() => window.history.replaceState(null, "", "/"));

test("the newest chat stands first, with who said what", async () => {
  const client = before();
  chat(client, "!a", "Garden", "First light", 1000);
  chat(client, "!b", "Book club", "Something short", 2000);
  const { container } = show(client);
  expect(names()).toEqual(["Book club", "Garden"]);
  expect(screen.getByRole("link", { name: /Garden/ })).toHaveTextContent("Ada: First light");
  await expectAccessible(container);
});

test("what concerns the person is told apart from what is only new, however much it is", () => {
  const client = before();
  const room = chat(client, "!a", "Garden", "hm", 1000);
  room.setUnreadNotificationCount(NotificationCountType.Total, 1e20);
  const loud = chat(client, "!b", "Release party", "Lena?", 2000);
  loud.setUnreadNotificationCount(NotificationCountType.Total, 4);
  loud.setUnreadNotificationCount(NotificationCountType.Highlight, 1);
  show(client);
  expect(screen.getByRole("link", { name: /Garden/ })).toHaveTextContent("999+");
  expect(screen.getByRole("link", { name: /Release party.*1 mention/ })).toHaveTextContent("@ 1");
  expect(screen.getByRole("button", { name: "Unread 2" })).toBeInTheDocument();
});

test("searching narrows the list; nothing found offers to look for people", async () => {
  const client = before();
  chat(client, "!a", "Garden", "x", 1000);
  chat(client, "!b", "Book club", "y", 2000);
  const { container } = show(client);
  const field = screen.getByRole("textbox", { name: "Search your chats" });
  await userEvent.type(field, "gard");
  expect(names()).toEqual(["Garden"]);
  await userEvent.type(field, "zzz");
  expect(screen.getByText("No chat found")).toBeInTheDocument();
  await expectAccessible(container);
  await userEvent.click(screen.getByRole("button", { name: "Clear search" }));
  expect(names()).toHaveLength(2);
  expect(field).toHaveFocus();
});

test("the arrow keys walk through the chats; only one is in the tab order", async () => {
  const client = before();
  for (const [i, name] of ["One", "Two", "Three"].entries()) chat(client, `!${i}`, name, "x", 1000 - i);
  show(client, "!1");
  expect(screen.getAllByRole("link").map((link) => link.tabIndex)).toEqual([-1, 0, -1]);
  screen.getByRole("link", { name: /Two/ }).focus();
  await userEvent.keyboard("{ArrowDown}");
  expect(screen.getByRole("link", { name: /Three/ })).toHaveFocus();
  await userEvent.keyboard("{Home}{Enter}");
  expect(window.location.pathname).toBe(`/room/${encodeURIComponent("!0")}`);
});

test("an invitation is answered in the list", async () => {
  const left = vi.fn();
  const client = before({ "POST /rooms/": (_body, path) => (left(path), [200, {}]), "POST /join/": () => [403, { errcode: "M_FORBIDDEN" }] });
  addRoom(client, "!i", { name: "Greenhouse", people: { "@noor:x": { name: "Noor Rahman" }, [ME]: { name: "Lena", membership: "invite" } }, inviter: "@noor:x" });
  const { container } = show(client);
  const invites = screen.getByRole("region", { name: "Invitations" });
  expect(within(invites).getByText("Noor Rahman invites you")).toBeInTheDocument();
  await expectAccessible(container);
  await userEvent.click(within(invites).getByRole("button", { name: "Decline: Greenhouse" }));
  await waitFor(() => expect(left).toHaveBeenCalledWith("/rooms/!i/leave"));
});

test("without a chat it says what this is, and offers the first one", async () => {
  const { container } = show(before());
  expect(screen.getByText("Nothing here yet")).toBeInTheDocument();
  await expectAccessible(container);
  await userEvent.click(screen.getByRole("button", { name: "New chat" }));
  expect(window.location.search).toBe("?open=new-chat");
});
