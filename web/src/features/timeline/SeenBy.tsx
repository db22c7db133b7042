import type { ReactElement } from "react";
import { useTranslation } from "react-i18next";
import { Tooltip } from "@/components/Tooltip";
import { PersonAvatar } from "@/matrix/avatars";
import { formatNames } from "./format";
import type { Seen } from "./model/types";
import styles from "./SeenBy.module.css";

const SHOWN = 5;

/** Tiny faces of those who have read up to here. */
export function SeenBy({ seen }: { seen: readonly Seen[] }): ReactElement | null {
  const { t } = useTranslation("timeline");
  if (seen.length === 0) return null;
  const label = t("seenBy", { names: formatNames(seen.map((who) => who.name).slice(0, 20)) });
  return (
    <div className={styles.line}>
      <Tooltip text={label}>
        <span className={styles.seen} role="img" aria-label={label}>
          {seen.slice(0, SHOWN).map((who) => (
            <PersonAvatar key={who.userId} id={who.userId} name={who.name} mxc={who.avatar} size={16} />
          ))}
          {seen.length > SHOWN && <span className={styles.rest}>+{seen.length - SHOWN}</span>}
        </span>
      </Tooltip>
    </div>
  );
}
