import { screen, within } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import type { MatrixClient, Room } from "matrix-js-sdk";
import type { ReactElement } from "react";
import { describe, expect, it, vi } from "vitest";
import { expectAccessible } from "@/test/axe";
import { renderView } from "@/test/render";
import { TimelineContext, type TimelineActions } from "./context";
import { DeleteDialog } from "./DeleteDialog";
import { MessageToolbar } from "./MessageToolbar";
import type { MessageItem } from "./model/types";
import { Reactions } from "./Reactions";
import { ReactionsDialog } from "./ReactionsDialog";

const message: MessageItem = {
  type: "message",
  key: "$1",
  id: "$1",
  ts: 1_700_000_000_000,
  sender: "@tom:x",
  senderName: "Tom",
  own: false,
  content: { kind: "text", body: "hello", tone: "plain", bigEmoji: false },
  edited: false,
  reactions: [{ key: "🎉", count: 2, names: ["Ada", "Tom"], ownEventId: "$r" }],
};

function setUp(view: ReactElement, mayRedact = false) {
  const actions = {
    viewModel: { me: "@ada:x" },
    room: {
      roomId: "!r:x",
      currentState: { hasSufficientPowerLevelFor: () => mayRedact },
      getMember: () => ({ powerLevel: 0 }),
    } as unknown as Room,
    react: vi.fn(),
    reply: vi.fn(),
    edit: vi.fn(),
    remove: vi.fn(),
    askDelete: vi.fn(),
    showReactions: vi.fn(),
  };
  const rendered = renderView(<TimelineContext value={actions as unknown as TimelineActions}>{view}</TimelineContext>, {} as MatrixClient);
  return { ...rendered, actions, user: userEvent.setup() };
}

const toolbar = (item: MessageItem, onBusy: (busy: boolean) => void = () => undefined): ReactElement => (
  <MessageToolbar item={item} onBusy={onBusy} onDone={() => undefined} />
);

describe("MessageToolbar", () => {
  it("offers of another's message what the reader may do, and no more", async () => {
    const { user, container, actions } = setUp(toolbar(message));
    await expectAccessible(container);
    expect(within(screen.getByRole("toolbar", { name: "Message actions" })).getAllByRole("button").map((button) => button.getAttribute("aria-label"))).toEqual(["React", "Reply", "More"]);
    await user.click(screen.getByRole("button", { name: "Reply" }));
    expect(actions.reply).toHaveBeenCalledWith(message);
    await user.click(screen.getByRole("button", { name: "More" }));
    expect(screen.getAllByRole("menuitem").map((item) => item.textContent)).toEqual(["Copy text", "Copy link", "Reactions"]);
  });

  it("deletes one's own at once, for there is an undo, and says that it is busy while its menu is open", async () => {
    const own: MessageItem = { ...message, own: true, delivery: "sent" };
    const busy: boolean[] = [];
    const { user, actions } = setUp(toolbar(own, (now) => busy.push(now)));
    await user.click(screen.getByRole("button", { name: "More" }));
    await user.click(screen.getByRole("menuitem", { name: "Delete" }));
    expect(actions.remove).toHaveBeenCalledWith(own);
    expect(actions.askDelete).not.toHaveBeenCalled();
    expect(busy).toEqual([true, false]);
  });

  it("asks a moderator first", async () => {
    const { user, actions } = setUp(toolbar(message), true);
    await user.click(screen.getByRole("button", { name: "More" }));
    await user.click(screen.getByRole("menuitem", { name: "Remove for everybody" }));
    expect(actions.askDelete).toHaveBeenCalledWith(message);
    expect(actions.remove).not.toHaveBeenCalled();
  });

  it("offers nothing that needs the server while the message is on its way", async () => {
    const { user } = setUp(toolbar({ ...message, own: true, delivery: "sending", reactions: [] }));
    expect(screen.getByRole("button", { name: "Reply" })).toBeDisabled();
    expect(screen.queryByRole("button", { name: "Edit" })).toBeNull();
    await user.click(screen.getByRole("button", { name: "More" }));
    expect(screen.getAllByRole("menuitem").map((item) => item.textContent)).toEqual(["Copy text"]);
  });
});

it("the dialog for moderators passes the reason on", async () => {
  const closed = vi.fn();
  const { user, actions } = setUp(<DeleteDialog item={message} onClose={closed} />, true);
  const dialog = screen.getByRole("dialog", { name: "Remove this message?" });
  expect(dialog).toHaveTextContent("Tom wrote it.");
  await expectAccessible(dialog);
  await user.type(screen.getByLabelText("Reason"), " spam ");
  await user.click(screen.getByRole("button", { name: "Remove" }));
  expect(actions.remove).toHaveBeenCalledWith(message, "spam");
  expect(closed).toHaveBeenCalledOnce();
});

describe("Reactions", () => {
  it("say who reacted, and take the own one back", async () => {
    const { user, actions, container } = setUp(<Reactions item={message} />);
    const pill = screen.getByRole("button", { name: "🎉, 2: Ada and Tom", pressed: true });
    await expectAccessible(container);
    await user.click(pill);
    expect(actions.react).toHaveBeenCalledWith(message, "🎉");
  });

  it("are listed in a dialog for fingers and keys", async () => {
    setUp(<ReactionsDialog item={message} onClose={() => undefined} />);
    const dialog = screen.getByRole("dialog", { name: "Reactions" });
    expect(within(dialog).getByRole("listitem")).toHaveTextContent("Ada and Tom");
    await expectAccessible(dialog);
  });
});
