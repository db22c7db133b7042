import type { ReactElement } from "react";
import { useTranslation } from "react-i18next";
import { Button } from "@/components/Button";
import { Notice } from "@/components/Notice";
import { openOverlay } from "@/matrix/routes";
import type { Filter } from "./RoomListViewModel";

/** What to do when there is no row to show. */
export function ListEmpty({ query, filter, first }: { query: string; filter: Filter; first: boolean }): ReactElement {
  const { t } = useTranslation("rooms");
  if (!query && !first) return <Notice icon={filter === "unread" ? "check" : "chat"}>{filter === "unread" ? t("noUnread") : t("noneOfKind")}</Notice>;
  const part = query ? "noMatch" : "empty";
  const action = (
    <Button variant={query ? "soft" : "primary"} onClick={() => openOverlay(query ? { name: "new-chat", query } : { name: "new-chat" })}>
      {t(`${part}.action`)}
    </Button>
  );
  return (
    <Notice icon={query ? "search" : "chat"} title={t(`${part}.title`)} action={action}>
      {t(`${part}.hint`, { query })}
    </Notice>
  );
}
