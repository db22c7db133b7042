import type { TFunction } from "i18next";
import type { MenuItem } from "@/components/Menu";
import { showToast } from "@/components/Toast";
import { errorKey } from "@/matrix/http";
import { markRead, setMuted, setPinned } from "@/matrix/rooms";
import type { RoomEntry } from "./RoomListViewModel";

/** What can be done with a chat from the list. */
export function roomMenu(entry: RoomEntry, t: TFunction<["rooms", "matrix"]>, onLeave: () => void): MenuItem[] {
  const { room, pinned, muted, unread } = entry;
  const run = (work: Promise<void>) => void work.catch((error: unknown) => showToast(t(errorKey(error), { ns: "matrix" }), { kind: "error" }));
  return [
    { label: pinned ? t("menu.unpin") : t("menu.pin"), icon: "pin", onSelect: () => run(setPinned(room, !pinned)) },
    { label: muted ? t("menu.unmute") : t("menu.mute"), icon: muted ? "bell" : "bellOff", onSelect: () => run(setMuted(room, !muted)) },
    { label: t("menu.read"), icon: "checks", disabled: unread === 0, onSelect: () => run(markRead(room)) },
    { label: t("menu.leave"), icon: "logout", danger: true, separated: true, onSelect: onLeave },
  ];
}
