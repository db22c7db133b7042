import { memo } from "react";
import type { ReactElement } from "react";
import { useTranslation } from "react-i18next";
import { Button } from "@/components/Button";
import { RoomAvatar } from "@/matrix/avatars";
import { useTimeline } from "./context";
import { formatDay } from "./format";
import { MessageRow } from "./MessageRow";
import type { Row } from "./model/types";
import styles from "./RowView.module.css";
import { SkeletonRows } from "./SkeletonRows";
import { SystemRow } from "./SystemRow";
import { TypingRow } from "./TypingRow";

export interface RowViewProps {
  readonly row: Row;
  /** Whether the Tab key stops here; the arrow keys go on from it. */
  readonly stop: boolean;
}

/** One measured row. Its spacing is padding, so that its box is all the room it takes. */
export const RowView = memo(function RowView({ row, stop }: RowViewProps): ReactElement {
  return (
    <div className={styles.row} data-key={row.key} data-type={row.type}>
      <RowContent row={row} stop={stop} />
    </div>
  );
});

function RowContent({ row, stop }: { row: Row; stop: boolean }): ReactElement {
  const { t } = useTranslation("timeline");
  const { room } = useTimeline();
  switch (row.type) {
    case "message":
      return <MessageRow row={row} stop={stop} />;
    case "system":
      return <SystemRow row={row} stop={stop} />;
    case "typing":
      return <TypingRow typists={row.typists} />;
    case "day":
      return (
        <div className={styles.dayLine}>
          <span className={styles.day}>{formatDay(row.ts, { today: t("today"), yesterday: t("yesterday") })}</span>
        </div>
      );
    case "unread":
      return <div className={styles.mark}>{t("unreadMark")}</div>;
    case "beginning":
      return (
        <div role="article" aria-label={t("beginning.title", { room: room.name })} className={styles.beginning}>
          <RoomAvatar room={room} size={64} />
          <h2>{t("beginning.title", { room: room.name })}</h2>
          <p>{t("beginning.hint")}</p>
        </div>
      );
    case "older":
    case "newer":
      return row.state === "loading" ? (
        <SkeletonRows label={t(`${row.type}.loading`)} />
      ) : (
        <PageError which={row.type} />
      );
  }
}

function PageError({ which }: { which: "older" | "newer" }): ReactElement {
  const { t } = useTranslation("timeline");
  const { viewModel } = useTimeline();
  return (
    <div className={styles.error} role="article" aria-label={t(`${which}.error`)}>
      <span role="alert">{t(`${which}.error`)}</span>
      <Button icon="retry" onClick={() => viewModel.retry(which)}>
        {t("retry")}
      </Button>
    </div>
  );
}
