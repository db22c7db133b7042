import { expect, test } from "vitest";
import { hrefOf, parseRoute, routeOfLink } from "./routes";
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

test.each([
  [`${window.location.origin}/room/!abc/%24event`, { roomId: "!abc", eventId: "$event" }],
  [`${window.location.origin}/room/!abc?open=explore`, { roomId: "!abc" }],
  ["https://matrix.to/#/!abc:localhost/$event?via=localhost", { roomId: "!abc:localhost", eventId: "$event" }],
  ["https://matrix.to/#/%23tea%3Alocalhost", { roomId: "#tea:localhost" }],
])("%s leads to a place in here", (href, route) => {
  expect(routeOfLink(href)).toEqual(route);
});

test.each([`${window.location.origin}/`, "https://matrix.to/#/@ada:localhost", "https://elsewhere.example/room/!abc", "mailto:ada@example.org", "no address"])("%s leads elsewhere", (href) => {
  expect(routeOfLink(href)).toBeUndefined();
});
