import { UserEvent } from "matrix-js-sdk";
import { useCallback, useSyncExternalStore } from "react";
import type { ReactElement } from "react";
import { useTranslation } from "react-i18next";
import { BrandMark } from "@/components/Brand";
import { IconButton } from "@/components/IconButton";
import { Menu } from "@/components/Menu";
import { VisuallyHidden } from "@/components/VisuallyHidden";
import { PersonAvatar } from "@/matrix/avatars";
import { useClient } from "@/matrix/ClientProvider";
import { useConnection } from "@/matrix/TransportContext";
import { localPart } from "@/matrix/rooms";
import { openOverlay } from "@/matrix/routes";
import styles from "./RoomList.module.css";

export function RoomListHeader({ onSignOut }: { onSignOut: () => void }): ReactElement {
  const { t } = useTranslation("rooms");
  const client = useClient();
  const { state } = useConnection();
  const userId = client.getSafeUserId();
  const profile = useOwnProfile();
  return (
    <header className={styles.header}>
      <div className={styles.brand}>
        <BrandMark />
        <span>Chatbook</span>
      </div>
      <IconButton icon="compass" label={t("explore")} onClick={() => openOverlay({ name: "explore" })} />
      <Menu
        items={[
          { label: t("newChat"), icon: "person", onSelect: () => openOverlay({ name: "new-chat" }) },
          { label: t("newRoom"), icon: "people", onSelect: () => openOverlay({ name: "new-room" }) },
          { label: t("explore"), icon: "compass", onSelect: () => openOverlay({ name: "explore" }) },
        ]}
      >
        <IconButton icon="plus" label={t("new")} tooltip={false} />
      </Menu>
      <Menu
        items={[
          { label: t("settings"), icon: "settings", onSelect: () => openOverlay({ name: "settings", page: "profile" }) },
          { label: t("appearance"), icon: "sun", onSelect: () => openOverlay({ name: "settings", page: "appearance" }) },
          { label: t("signOut"), icon: "logout", separated: true, onSelect: onSignOut },
        ]}
      >
        <button type="button" className={styles.me}>
          <VisuallyHidden>{`${t("account")}: ${profile.name}`}</VisuallyHidden>
          <PersonAvatar id={userId} name={profile.name} mxc={profile.avatar} size={34} presence={state === "online" ? "online" : "offline"} />
        </button>
      </Menu>
    </header>
  );
}

function useOwnProfile(): { name: string; avatar: string | undefined } {
  const client = useClient();
  const userId = client.getSafeUserId();
  const subscribe = useCallback(
    (listener: () => void) => {
      client.on(UserEvent.DisplayName, listener);
      client.on(UserEvent.AvatarUrl, listener);
      return () => {
        client.off(UserEvent.DisplayName, listener);
        client.off(UserEvent.AvatarUrl, listener);
      };
    },
    [client],
  );
  const user = client.getUser(userId);
  const name = useSyncExternalStore(subscribe, () => client.getUser(userId)?.displayName ?? "");
  const avatar = useSyncExternalStore(subscribe, () => client.getUser(userId)?.avatarUrl);
  return { name: name || user?.rawDisplayName || localPart(userId), avatar };
}
