import type { ReactElement } from "react";
import { useTranslation } from "react-i18next";
import { Button } from "@/components/Button";
import { openOverlay } from "@/matrix/routes";
import styles from "./RoomList.module.css";
import type { Filter } from "./RoomListViewModel";

/** What to do when there is no row to show. */
export function ListEmpty({ query, filter, first }: { query: string; filter: Filter; first: boolean }): ReactElement {
  const { t } = useTranslation("rooms");
  if (!query && !first) {
    return <p className={styles.empty}>{filter === "unread" ? t("noUnread") : t("noneOfKind")}</p>;
  }
  const part = query ? "noMatch" : "empty";
  return (
    <div className={styles.empty}>
      <b>{t(`${part}.title`)}</b>
      <p>{t(`${part}.hint`, { query })}</p>
      <Button variant={query ? "soft" : "primary"} onClick={() => openOverlay(query ? { name: "new-chat", query } : { name: "new-chat" })}>
        {t(`${part}.action`)}
      </Button>
    </div>
  );
}
