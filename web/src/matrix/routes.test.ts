import { expect, test } from "vitest";
import { hrefOf, parseRoute } from "./routes";
import type { Route } from "./routes";

const there: Route[] = [
  {},
  { roomId: "!abc:localhost" },
  { roomId: "#tea & cake:localhost", eventId: "$e/1" },
  { roomId: "!abc", panel: "details" },
  { roomId: "!abc", panel: "person", personId: "@ada:localhost" },
  { overlay: { name: "new-chat", query: "ada" } },
  { roomId: "!abc", overlay: { name: "settings", page: "devices" } },
];

test.each(there)("a place survives its address: %j", (route) => {
  expect(parseRoute(new URL(hrefOf(route), "https://chat.example"))).toEqual(route);
});

test("an unknown address is the room list, an unknown settings page the first one", () => {
  expect(parseRoute(new URL("https://x/what/ever?open=nothing"))).toEqual({});
  expect(parseRoute(new URL("https://x/?open=settings/zzz")).overlay).toEqual({ name: "settings", page: "profile" });
  expect(parseRoute(new URL("https://x/room/%E0%A4%A")).roomId).toBe("%E0%A4%A");
});
