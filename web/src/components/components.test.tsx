import { screen, waitFor } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { useState } from "react";
import type { ReactElement } from "react";
import { expect, test, vi } from "vitest";
import { expectAccessible } from "@/test/axe";
import { renderView } from "@/test/render";
import { Avatar } from "./Avatar";
import { Button } from "./Button";
import { Dialog } from "./Dialog";
import { hueOf, initialsOf } from "./hue";
import { IconButton } from "./IconButton";
import { Menu } from "./Menu";
import { TextField } from "./TextField";

test("initials are two graphemes and never the sigil", () => {
  expect(initialsOf("Garden collective")).toBe("GC");
  expect(initialsOf("@ada:localhost")).toBe("AL");
  expect(initialsOf("👩‍🚀 crew")).toBe("👩‍🚀C");
  expect(initialsOf("Neighbourhood")).toBe("NE");
  expect(initialsOf("Wind & weather")).toBe("WW");
  expect(initialsOf("")).toBe("?");
});

test("a person has one hue everywhere", () => {
  expect(hueOf("@ada:localhost")).toBe(hueOf("@ada:localhost"));
  expect(hueOf("@ada:localhost")).not.toBe(hueOf("@bob:localhost"));
});

test("the base controls are accessible", async () => {
  const { container } = renderView(
    <main>
      <Avatar id="@a:b" name="Ada" presence="online" />
      <IconButton icon="plus" label="New chat" />
      <Button variant="primary">Send</Button>
      <TextField label="Password" type="password" error="Too short" />
    </main>,
  );
  await expectAccessible(container);
  expect(screen.getByRole("img", { name: "Online" })).toBeInTheDocument();
  expect(screen.getByLabelText("Password")).toBeInvalid();
});

test("a password can be shown and hidden", async () => {
  renderView(<TextField label="Password" type="password" defaultValue="secret" />);
  await userEvent.click(screen.getByRole("button", { name: "Show password" }));
  expect(screen.getByLabelText("Password")).toHaveAttribute("type", "text");
  await userEvent.click(screen.getByRole("button", { name: "Hide password" }));
  expect(screen.getByLabelText("Password")).toHaveAttribute("type", "password");
});

test("a busy button does not act twice", async () => {
  const act = vi.fn();
  renderView(
    <Button busy onClick={act}>
      Save
    </Button>,
  );
  await userEvent.click(screen.getByRole("button", { name: "Save" }));
  expect(act).not.toHaveBeenCalled();
});

test("a dialog closes on Escape and carries its title", async () => {
  const close = vi.fn();
  renderView(
    <Dialog open title="New room" onClose={close}>
      text
    </Dialog>,
  );
  await expectAccessible(screen.getByRole("dialog", { name: "New room" }));
  await userEvent.keyboard("{Escape}");
  expect(close).toHaveBeenCalledOnce();
});

test("a dialog gives the focus back to what opened it, also when a field inside took it at once", async () => {
  function Opener(): ReactElement {
    const [open, setOpen] = useState(false);
    return (
      <>
        <button type="button" onClick={() => setOpen(true)}>
          Open
        </button>
        <Dialog open={open} title="Name" onClose={() => setOpen(false)}>
          {/* eslint-disable-next-line jsx-a11y/no-autofocus -- this is what is tested */}
          <input aria-label="Name" autoFocus />
        </Dialog>
      </>
    );
  }
  renderView(<Opener />);
  await userEvent.click(screen.getByRole("button", { name: "Open" }));
  expect(screen.getByRole("textbox", { name: "Name" })).toHaveFocus();
  await userEvent.keyboard("{Escape}");
  await waitFor(() => expect(screen.getByRole("button", { name: "Open" })).toHaveFocus());
});

test("a menu opens with the keyboard and runs the chosen item", async () => {
  const mute = vi.fn();
  renderView(
    <Menu items={[{ label: "Pin", onSelect: () => {} }, { label: "Mute", onSelect: mute }]}>
      <button type="button">More</button>
    </Menu>,
  );
  screen.getByRole("button", { name: "More" }).focus();
  await userEvent.keyboard("{Enter}{ArrowDown}{Enter}");
  expect(mute).toHaveBeenCalledOnce();
});
