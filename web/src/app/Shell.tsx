import { Suspense, useEffect, useMemo, useSyncExternalStore } from "react";
import type { ReactElement } from "react";
import { useTranslation } from "react-i18next";
import { BrandMark } from "@/components/Brand";
import { useMedia } from "@/components/useMedia";
import { VisuallyHidden } from "@/components/VisuallyHidden";
import { RoomList } from "@/features/rooms/RoomList";
import { RoomListViewModel } from "@/features/rooms/RoomListViewModel";
import { useClient } from "@/matrix/ClientProvider";
import { currentRoute, goBack, navigate, useRoute } from "@/matrix/routes";
import { useJoinedRoom } from "@/matrix/useJoinedRoom";
import { ConnectionBar } from "./ConnectionBar";
import styles from "./Shell.module.css";
import { useTitle } from "./useTitle";
import { DetailsPanel, ExploreDialog, InviteDialog, JoinScreen, NewChatDialog, NewRoomDialog, preloadViews, RoomScreen, SettingsDialog } from "./views";

// A visit that begins in a room needs its view soon: fetched while the client starts.
if (currentRoute().roomId) void RoomScreen.preload().catch(() => {});

/** The main screen: list, room, details; on a phone one of them at a time. */
export function Shell({ onSignOut }: { onSignOut: () => void }): ReactElement {
  const { t } = useTranslation("app");
  const client = useClient();
  const route = useRoute();
  const viewModel = useMemo(() => new RoomListViewModel(client), [client]);
  const attention = useSyncExternalStore(viewModel.subscribe, () => viewModel.getSnapshot().attention);
  const room = useJoinedRoom(route.roomId);
  const { overlay } = route;
  // On a phone the list is a page of its own, with what a page needs for a screen reader.
  const listOnly = useMedia("(max-width: 720px)") && !route.roomId;
  useTitle(room?.name, attention);
  useEscape();
  useEffect(preloadViews, []);

  const closeOverlay = (): void => goBack({ ...currentRoute(), overlay: undefined });
  const panel = room && route.panel;

  return (
    <div className={styles.app} data-view={route.roomId ? "room" : "list"} data-panel={panel}>
      <div className={styles.list} role={listOnly ? "main" : undefined}>
        {listOnly && (
          <VisuallyHidden>
            <h1>{t("chats")}</h1>
          </VisuallyHidden>
        )}
        <ConnectionBar />
        <nav className={styles.nav} aria-label={t("chats")}>
          <RoomList viewModel={viewModel} selected={room?.roomId ?? route.roomId} onSignOut={onSignOut} />
        </nav>
      </div>
      <div className={styles.main}>
        <Suspense fallback={null}>
          {room ? (
            <RoomScreen room={room} />
          ) : route.roomId ? (
            <JoinScreen key={route.roomId} address={route.roomId} />
          ) : (
            <main className={styles.empty}>
              <BrandMark size={56} />
              <h1>{t("pickChat")}</h1>
              <p>{t("pickChatHint")}</p>
            </main>
          )}
        </Suspense>
      </div>
      {panel && (
        <aside className={styles.panel} aria-label={t("details")}>
          <Suspense fallback={null}>
            <DetailsPanel key={`${room.roomId} ${route.personId ?? ""}`} room={room} personId={panel === "person" ? route.personId : undefined} />
          </Suspense>
        </aside>
      )}
      <Suspense fallback={null}>
        {overlay?.name === "new-chat" && <NewChatDialog query={overlay.query ?? ""} onClose={closeOverlay} />}
        {overlay?.name === "new-room" && <NewRoomDialog onClose={closeOverlay} />}
        {overlay?.name === "invite" && room && <InviteDialog room={room} onClose={closeOverlay} />}
        {overlay?.name === "explore" && <ExploreDialog onClose={closeOverlay} />}
        {overlay?.name === "settings" && <SettingsDialog page={overlay.page} onClose={closeOverlay} onSignOut={onSignOut} />}
      </Suspense>
    </div>
  );
}

/** Escape closes the details panel when nothing nearer took it. */
function useEscape(): void {
  useEffect(() => {
    const onKey = (event: KeyboardEvent): void => {
      const route = currentRoute();
      if (event.key !== "Escape" || event.defaultPrevented || route.overlay || !route.panel) return;
      if (document.querySelector("[role=dialog],[role=menu],[role=alertdialog]")) return;
      const editing = document.activeElement?.matches("input,textarea,[contenteditable=true]");
      if (!editing) navigate({ roomId: route.roomId });
    };
    window.addEventListener("keydown", onKey);
    return () => window.removeEventListener("keydown", onKey);
  }, []);
}
