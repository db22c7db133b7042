import { fireEvent, screen } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import type { MatrixClient } from "matrix-js-sdk";
import { useState } from "react";
import type { ReactElement } from "react";
import { describe, expect, it } from "vitest";
import type { MessageItem, Row } from "@/features/timeline/model/types";
import { expectAccessible } from "@/test/axe";
import { renderView } from "@/test/render";
import { Lightbox } from "./Lightbox";
import { FITTED, MAX_ZOOM, moveBy, swipeOf, zoomAt } from "./zoom";

describe("zoomAt", () => {
  it("keeps what lies under the pointer in its place", () => {
    const at = { x: 100, y: -40 };
    const before = zoomAt(FITTED, 2, { x: 30, y: 10 });
    const after = zoomAt(before, 1.5, at);
    const under = (place: typeof before) => ({ x: (at.x - place.x) / place.zoom, y: (at.y - place.y) / place.zoom });
    expect(under(after).x).toBeCloseTo(under(before).x);
    expect(under(after).y).toBeCloseTo(under(before).y);
  });
  it("stays between the fitted size and the largest", () => {
    expect(zoomAt({ zoom: 1.1, x: 20, y: 5 }, 0.5)).toEqual(FITTED);
    expect(zoomAt(FITTED, 1000).zoom).toBe(MAX_ZOOM);
  });
});

it("a moved picture does not leave its stage", () => {
  expect(moveBy({ zoom: 2, x: 0, y: 0 }, 9999, -9999, { width: 300, height: 200 })).toEqual({ zoom: 2, x: 150, y: -100 });
  expect(moveBy(FITTED, 50, 50, { width: 300, height: 200 })).toEqual(FITTED);
});

it.each([
  [-100, 10, "next"],
  [100, -10, "previous"],
  [10, 120, "close"],
  [0, -200, undefined],
  [-30, 0, undefined],
  [80, 80, undefined],
])("a swipe by %i, %i asks for %s", (dx, dy, way) => {
  expect(swipeOf(dx, dy)).toBe(way);
});

function picture(id: string): MessageItem {
  return {
    type: "message",
    key: id,
    id,
    ts: 1_700_000_000_000,
    sender: "@ada:x",
    senderName: "Ada",
    own: false,
    content: { kind: "image", mxc: `mxc://x/${id}`, name: `${id}.png`, mime: "image/png", width: 800, height: 500, caption: `caption of ${id}` },
    edited: false,
    reactions: [],
  };
}

const items = ["a", "b", "c"].map(picture);
const rows = items.map((item): Row => ({ type: "message", key: item.key, item, first: true, last: true, seen: [] }));

function Viewer({ from }: { from: number }): ReactElement {
  const [item, setItem] = useState<MessageItem | undefined>(items[from]);
  return item ? <Lightbox item={item} rows={rows} onView={setItem} onClose={() => setItem(undefined)} /> : <p>closed</p>;
}

describe("Lightbox", () => {
  const client = {
    getHomeserverUrl: () => "http://here",
    getAccessToken: () => "token",
    http: { fetch: () => Promise.resolve(new Response("x")) },
  } as unknown as MatrixClient;

  it("goes on by arrow keys from the first moment, stops at both ends, and closes with Escape", async () => {
    const user = userEvent.setup();
    renderView(<Viewer from={0} />, client);
    const dialog = screen.getByRole("dialog", { name: "a.png from Ada" });
    await screen.findByRole("img", { name: "caption of a" });
    expect(screen.queryByRole("button", { name: "Previous" })).toBeNull();
    await expectAccessible(dialog);
    await user.keyboard("{ArrowRight}");
    await screen.findByRole("img", { name: "caption of b" });
    await user.keyboard("{ArrowRight}{ArrowRight}");
    await screen.findByRole("img", { name: "caption of c" });
    expect(screen.queryByRole("button", { name: "Next" })).toBeNull();
    await user.keyboard("{Escape}");
    expect(screen.getByText("closed")).toBeInTheDocument();
  });

  it("zooms by key and button, and forgets the zoom with the next picture", async () => {
    const user = userEvent.setup();
    renderView(<Viewer from={0} />, client);
    const image = await screen.findByRole("img", { name: "caption of a" });
    await user.keyboard("+");
    expect(image.style.transform).toContain("scale(1.5)");
    await user.click(screen.getByRole("button", { name: "Zoom in" }));
    expect(image.style.transform).toContain("scale(2.25)");
    fireEvent.keyDown(image, { key: "ArrowRight" });
    expect((await screen.findByRole("img", { name: "caption of b" })).style.transform).toContain("scale(1)");
  });
});
