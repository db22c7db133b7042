import { useState } from "react";
import type { ReactElement } from "react";
import { useTranslation } from "react-i18next";
import type { TFunction } from "i18next";
import { formatFull, formatNames, formatTime } from "./format";
import type { SystemItem, SystemRow as Row } from "./model/types";
import { SeenBy } from "./SeenBy";
import styles from "./SystemRow.module.css";

const SHOWN = 2;

/** Who came, went or changed something; long runs fold into one line. */
export function SystemRow({ row, stop }: { row: Row; stop: boolean }): ReactElement {
  const { t } = useTranslation("timeline");
  const [open, setOpen] = useState(false);
  const { items } = row;
  const foldable = items.length > SHOWN;
  const joined = items.every((item) => item.kind === "joined");
  const first = items[0];
  return (
    // A feed's articles take the focus so that the arrow keys can walk through them (ARIA feed pattern).
    // eslint-disable-next-line jsx-a11y/no-noninteractive-tabindex -- see above
    <div role="article" aria-label={items.map((item) => line(item, t)).join(". ")} tabIndex={stop ? 0 : -1} className={styles.system}>
      {foldable && !open ? (
        <button type="button" className={styles.fold} aria-expanded="false" onClick={() => setOpen(true)}>
          {joined && items.length <= 6
            ? t("system.joinedMany", { names: formatNames(items.map((item) => item.actorName)) })
            : t("system.more", { text: first ? line(first, t) : "", count: items.length - 1 })}
        </button>
      ) : (
        items.map((item) => (
          <p key={item.key}>
            <span dir="auto">{line(item, t)}</span> <time title={formatFull(item.ts)}>{formatTime(item.ts)}</time>
          </p>
        ))
      )}
      {foldable && open && (
        <button type="button" className={styles.fold} aria-expanded="true" onClick={() => setOpen(false)}>
          {t("system.less")}
        </button>
      )}
      <SeenBy seen={row.seen} />
    </div>
  );
}

function line(item: SystemItem, t: TFunction<"timeline">): string {
  return t(`system.${item.kind}`, { actor: item.actorName, target: item.targetName ?? "", value: item.value ?? "" });
}
