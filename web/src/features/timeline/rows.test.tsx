import { screen, within } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import type { ReactElement } from "react";
import { describe, expect, it, vi } from "vitest";
import { expectAccessible } from "@/test/axe";
import { renderView } from "@/test/render";
import { TimelineContext } from "./context";
import type { MessageItem, MessageRow, Row, SystemItem } from "./model/types";
import { RowView } from "./RowView";
import { testRoom } from "./testRoom";
import { TimelineViewModel } from "./TimelineViewModel";

const item = (over: Partial<MessageItem> = {}): MessageItem => ({
  type: "message",
  key: "k",
  id: "$m",
  ts: Date.UTC(2026, 4, 4, 12),
  sender: "@tom:x",
  senderName: "Tom",
  own: false,
  content: { kind: "text", body: "hello", tone: "plain", bigEmoji: false },
  edited: false,
  reactions: [],
  ...over,
});
const row = (over: Partial<MessageItem> = {}, more: Partial<MessageRow> = {}): MessageRow => ({ type: "message", key: "k", item: item(over), first: true, last: true, seen: [], ...more });
const system = (kind: SystemItem["kind"], n: number, over: Partial<SystemItem> = {}): SystemItem => ({
  type: "system",
  key: `s${n}`,
  id: `$s${n}`,
  ts: Date.UTC(2026, 4, 4, 12, n),
  kind,
  actor: `@p${n}:x`,
  actorName: `Person ${n}`,
  ...over,
});

async function draw(...rows: Row[]) {
  const { client, room } = await testRoom();
  const actions = { viewModel: new TimelineViewModel(client, room), room, reply: vi.fn(), edit: vi.fn(), remove: vi.fn(), restore: vi.fn(), askDelete: vi.fn(), showReactions: vi.fn(), react: vi.fn(), jump: vi.fn(), retry: vi.fn(), discard: vi.fn(), view: vi.fn() };
  const view: ReactElement = (
    <TimelineContext value={actions}>
      <div role="feed" aria-label="Messages">
        {rows.map((each) => (
          <RowView key={each.key} row={each} stop />
        ))}
      </div>
    </TimelineContext>
  );
  const { container } = renderView(view, client);
  return { actions, container };
}

describe("a message", () => {
  it("says who, when and what, and takes keys while it has the focus", async () => {
    const { actions, container } = await draw(row({ own: true, delivery: "read", edited: true }));
    const article = screen.getByRole("article", { name: /^You, .*: hello$/ });
    expect(within(article).getByText("edited")).toBeInTheDocument();
    expect(within(article).getByRole("img", { name: "Read" })).toBeInTheDocument();
    article.focus();
    await userEvent.keyboard("r");
    expect(actions.reply).toHaveBeenCalledWith(expect.objectContaining({ id: "$m" }));
    await userEvent.keyboard("e");
    expect(actions.edit).toHaveBeenCalledOnce();
    await expectAccessible(container);
  });

  it("names its sender only at the start of a run", async () => {
    await draw(row(), { ...row({ key: "k2", id: "$m2" }, { first: false }), key: "k2" });
    expect(screen.getAllByText("Tom")).toHaveLength(1);
  });

  it("leads to what it answers", async () => {
    const { actions, container } = await draw(row({ quote: { id: "$q", state: "ready", sender: "@me:x", senderName: "Me", text: "why?" } }));
    await userEvent.click(screen.getByRole("button", { name: /^Go to the message: ?Me/ }));
    expect(actions.jump).toHaveBeenCalledWith("$q");
    await expectAccessible(container);
  });

  it("has reactions to add to and to take back", async () => {
    const { actions, container } = await draw(row({ reactions: [{ key: "👍", count: 3, names: ["Me", "Tom", "Ada"], ownEventId: "$r" }, { key: "🎉", count: 1, names: ["Tom"] }] }));
    expect(screen.getByRole("button", { name: /👍, 3: Me, Tom,? and Ada/, pressed: true })).toBeInTheDocument();
    await userEvent.click(screen.getByRole("button", { name: "🎉, 1: Tom", pressed: false }));
    expect(actions.react).toHaveBeenCalledWith(expect.objectContaining({ id: "$m" }), "🎉");
    await expectAccessible(container);
  });

  it.each([
    ["M_FORBIDDEN", "Not sent: you may not write here."],
    ["M_RESOURCE_LIMIT_EXCEEDED", "Not sent: the server is full."],
    ["M_STRANGE", "Not sent. Nothing was lost."],
    [undefined, "Not sent. Nothing was lost."],
  ])("that failed with %s says why, and can be sent again or thrown away", async (failure, words) => {
    const { actions, container } = await draw(row({ own: true, delivery: "failed", ...(failure ? { failure } : {}) }));
    expect(screen.getByRole("alert")).toHaveTextContent(words);
    await userEvent.click(screen.getByRole("button", { name: "Try again" }));
    await userEvent.click(screen.getByRole("button", { name: "Delete" }));
    expect(actions.retry).toHaveBeenCalledOnce();
    expect(actions.discard).toHaveBeenCalledOnce();
    await expectAccessible(container);
  });

  it("shows who has read up to it", async () => {
    const seen = ["Ada", "Ben"].map((name) => ({ userId: `@${name}:x`, name, ts: 0 }));
    const { container } = await draw(row({}, { seen }));
    expect(screen.getByRole("img", { name: "Seen by Ada and Ben" })).toBeInTheDocument();
    await expectAccessible(container);
  });
});

describe("what happened in the room", () => {
  it("is told line by line while it is little", async () => {
    const { container } = await draw({ type: "system", key: "s", items: [system("joined", 1), system("roomNamed", 2, { value: "Garden" })], seen: [] });
    expect(screen.getByText("Person 1 joined")).toBeInTheDocument();
    expect(screen.getByText("Person 2 named this chat “Garden”")).toBeInTheDocument();
    await expectAccessible(container);
  });

  it("folds when it is much, and unfolds again", async () => {
    const { container } = await draw({ type: "system", key: "s", items: [1, 2, 3].map((n) => system("joined", n)), seen: [] });
    await userEvent.click(screen.getByRole("button", { name: /Person 1, Person 2,? and Person 3 joined/, expanded: false }));
    expect(screen.getByText("Person 2 joined")).toBeInTheDocument();
    await expectAccessible(container);
    await userEvent.click(screen.getByRole("button", { name: "Show less", expanded: true }));
    expect(screen.queryByText("Person 2 joined")).not.toBeInTheDocument();
  });
});

it("a page that could not be loaded can be asked for again", async () => {
  const { actions, container } = await draw({ type: "older", key: "older", state: "error" });
  const retry = vi.spyOn(actions.viewModel, "retry").mockReturnValue();
  expect(screen.getByRole("alert")).toHaveTextContent("Earlier messages could not be loaded.");
  await userEvent.click(screen.getByRole("button", { name: "Try again" }));
  expect(retry).toHaveBeenCalledWith("older");
  await expectAccessible(container);
});

it("days, the unread mark and the beginning are read as text", async () => {
  const { container } = await draw({ type: "beginning", key: "b" }, { type: "day", key: "d", ts: Date.UTC(2026, 0, 2, 12) }, { type: "unread", key: "u" });
  expect(screen.getByRole("heading", { name: /This is the beginning of/ })).toBeInTheDocument();
  expect(screen.getByText("New messages")).toBeInTheDocument();
  await expectAccessible(container);
});
