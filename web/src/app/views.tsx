import { lazy } from "react";
import type { ComponentType } from "react";

/** A view in a file of its own, which `preload` fetches before it is wanted. */
function later<P>(load: () => Promise<ComponentType<P>>) {
  let loading: Promise<{ default: ComponentType<P> }> | undefined;
  const preload = () => (loading ??= load().then((view) => ({ default: view })));
  return Object.assign(lazy(preload), { preload });
}

export const RoomScreen = later(() => import("./RoomScreen").then((module) => module.RoomScreen));
export const DetailsPanel = later(() => import("@/features/details/DetailsPanel").then((module) => module.DetailsPanel));
export const InviteDialog = later(() => import("@/features/newchat/InviteDialog").then((module) => module.InviteDialog));
export const JoinScreen = later(() => import("@/features/newchat/JoinScreen").then((module) => module.JoinScreen));
export const NewChatDialog = later(() => import("@/features/newchat/NewChatDialog").then((module) => module.NewChatDialog));
export const NewRoomDialog = later(() => import("@/features/newchat/NewRoomDialog").then((module) => module.NewRoomDialog));
export const ExploreDialog = later(() => import("@/features/newchat/ExploreDialog").then((module) => module.ExploreDialog));
export const SettingsDialog = later(() => import("@/features/settings/SettingsDialog").then((module) => module.SettingsDialog));

const ALL = [RoomScreen, DetailsPanel, SettingsDialog, NewChatDialog, NewRoomDialog, ExploreDialog, InviteDialog, JoinScreen];

/** Fetches all views once the first one stands, so that each opens at once, and without a connection too. */
export function preloadViews(): () => void {
  const load = (): void => ALL.forEach((view) => void view.preload().catch(() => {}));
  const timer = setTimeout(load, 1_500);
  return () => clearTimeout(timer);
}
