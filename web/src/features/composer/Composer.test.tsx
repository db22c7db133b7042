import { fireEvent, screen, waitFor, within } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import type { MatrixClient, MatrixEvent, Room } from "matrix-js-sdk";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { composerIntents } from "@/matrix/composerIntent";
import { expectAccessible } from "@/test/axe";
import { renderView } from "@/test/render";
import { Composer } from "./Composer";

// jsdom has no layout and no blob: addresses that differ.
let blobs = 0;
beforeEach(() => {
  localStorage.clear();
  vi.spyOn(URL, "createObjectURL").mockImplementation(() => `blob:${++blobs}`);
});
afterEach(() => composerIntents.set("!r", null));

function member(userId: string, name: string) {
  return { userId, name, rawDisplayName: name, membership: "join", getMxcAvatarUrl: () => undefined };
}

function own(body: string): MatrixEvent {
  return {
    getId: () => "$own",
    getSender: () => "@ada:x",
    getType: () => "m.room.message",
    getContent: () => ({ msgtype: "m.text", body }),
    isRedacted: () => false,
    isRelation: () => false,
    status: null,
    sender: { name: "Ada" },
  } as unknown as MatrixEvent;
}

function setUp({ membership = "join", maySend = true, events = [] as MatrixEvent[] } = {}) {
  const sent: { body: string; [key: string]: unknown }[] = [];
  const client = {
    getSafeUserId: () => "@ada:x",
    getUserId: () => "@ada:x",
    sendTyping: vi.fn(() => Promise.resolve({})),
    getMediaConfig: () => Promise.resolve({ "m.upload.size": 1000 }),
    sendMessage: vi.fn((_: string, content: { body: string }) => {
      sent.push(content);
      return Promise.resolve({ event_id: "$1" });
    }),
  } as unknown as MatrixClient;
  const room = {
    roomId: "!r",
    name: "Garden",
    on: () => undefined,
    off: () => undefined,
    getMyMembership: () => membership,
    maySendMessage: () => maySend,
    loadMembersIfNeeded: () => Promise.resolve(true),
    getMembers: () => [member("@ada:x", "Ada"), member("@tom:x", "Tom Brandt"), member("@tina:x", "Tina")],
    getMember: () => null,
    getLiveTimeline: () => ({ getEvents: () => events }),
    getPendingEvents: () => [],
  } as unknown as Room;
  const view = renderView(<Composer room={room} />, client);
  return { ...view, sent, client, user: userEvent.setup() };
}

const field = (): HTMLTextAreaElement => screen.getByRole("textbox", { name: "Message" });

describe("Composer", () => {
  it("sends with Enter, makes a line with Shift+Enter, and sends nothing empty", async () => {
    const { user, sent, container } = setUp();
    await user.type(field(), "   {Enter}");
    expect(sent).toEqual([]);
    await user.clear(field());
    await user.type(field(), "one{Shift>}{Enter}{/Shift}two{Enter}");
    expect(sent).toEqual([{ msgtype: "m.text", body: "one\ntwo", "m.mentions": {} }]);
    expect(field()).toHaveValue("");
    await expectAccessible(container);
  });

  it("suggests members at @, moves by arrows, and sends who was meant", async () => {
    const { user, sent, container } = setUp();
    await user.type(field(), "hi @t");
    const list = await screen.findByRole("listbox", { name: "People" });
    expect(within(list).getAllByRole("option").map((option) => option.getAttribute("aria-selected"))).toEqual(["true", "false"]);
    await expectAccessible(container);
    await user.keyboard("{ArrowDown}");
    expect(field()).toHaveAttribute("aria-activedescendant", within(list).getByRole("option", { selected: true }).id);
    expect(within(list).getByRole("option", { selected: true })).toHaveTextContent("Tom Brandt");
    await user.keyboard("{Enter}");
    expect(field()).toHaveValue("hi @Tom Brandt ");
    await user.keyboard("{Enter}");
    expect(sent[0]).toMatchObject({ body: "hi @Tom Brandt", "m.mentions": { user_ids: ["@tom:x"] } });
  });

  it("closes the suggestions with Escape and when the field is left", async () => {
    const { user } = setUp();
    await user.type(field(), "hi @t");
    await screen.findByRole("listbox");
    await user.keyboard("{Escape}");
    expect(screen.queryByRole("listbox")).toBeNull();
    expect(field()).toHaveValue("hi @t");
    await user.type(field(), " @t");
    await screen.findByRole("listbox");
    fireEvent.blur(field());
    expect(screen.queryByRole("listbox")).toBeNull();
  });

  it("edits the last own message after ArrowUp, and leaves the draft alone", async () => {
    const { user, sent } = setUp({ events: [own("Tomorow")] });
    await user.click(field());
    await user.keyboard("{ArrowUp}");
    expect(field()).toHaveValue("Tomorow");
    await user.keyboard("{Escape}");
    expect(field()).toHaveValue("");
    await user.type(field(), "half a thought");
    composerIntents.set("!r", { kind: "edit", event: own("Tomorow") });
    await waitFor(() => expect(field()).toHaveValue("Tomorow"));
    await user.clear(field());
    await user.type(field(), "Tomorrow{Enter}");
    expect(sent[0]).toMatchObject({ "m.new_content": { body: "Tomorrow" }, "m.relates_to": { rel_type: "m.replace", event_id: "$own" } });
    expect(field()).toHaveValue("half a thought");
    expect(localStorage.getItem("chatbook.draft.@ada:x.!r")).toContain("half a thought");
  });

  it("keeps what is too long and offers to send it as a file", async () => {
    const { user, sent, container } = setUp();
    fireEvent.change(field(), { target: { value: "x".repeat(70_000) } });
    expect(screen.getByRole("alert")).toHaveTextContent("too long");
    expect(screen.getByRole("button", { name: "Send" })).toBeDisabled();
    await user.click(field());
    await user.keyboard("{Enter}");
    expect(sent).toEqual([]);
    expect(field().value).toHaveLength(70_000);
    await expectAccessible(container);
    await user.click(screen.getByRole("button", { name: "Send as a file" }));
    expect(await screen.findByText("message.txt")).toBeInTheDocument();
  });

  it("counts the two copies of the words that an edit carries", () => {
    const { unmount } = setUp();
    fireEvent.change(field(), { target: { value: "x".repeat(40_000) } });
    expect(screen.queryByRole("alert")).toBeNull();
    unmount();
    composerIntents.set("!r", { kind: "edit", event: own("short"), text: "x".repeat(40_000) });
    setUp();
    expect(screen.getByRole("alert")).toHaveTextContent("too long");
  });

  it("shows files before they go, and refuses those over the server's limit", async () => {
    const { user } = setUp();
    await user.upload(screen.getByTestId("file-input"), [new File(["abc"], "notes.txt", { type: "text/plain" }), new File([new Uint8Array(2000)], "film.mov")]);
    const sheet = await screen.findByRole("dialog", { name: "Send 2 files" });
    expect(await within(sheet).findByRole("alert")).toHaveTextContent("film.mov is too large: this server takes files up to 1 kB.");
    expect(within(sheet).getByRole("button", { name: "Send" })).toBeDisabled();
    await expectAccessible(sheet);
    await user.click(within(sheet).getByRole("button", { name: "Remove film.mov" }));
    expect(within(sheet).getByRole("button", { name: "Send" })).toBeEnabled();
    await user.keyboard("{Escape}");
    expect(screen.queryByRole("dialog")).toBeNull();
  });

  it.each([
    ["leave", true, "You are no longer in this chat."],
    ["join", false, "You can read this chat, but not write in it."],
  ])("says why there is no field (%s, %s)", (membership, maySend, words) => {
    setUp({ membership, maySend });
    expect(screen.getByRole("status")).toHaveTextContent(words);
    expect(screen.queryByRole("textbox")).toBeNull();
  });
});
