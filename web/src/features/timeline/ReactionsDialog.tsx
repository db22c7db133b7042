import type { ReactElement } from "react";
import { useTranslation } from "react-i18next";
import { Dialog } from "@/components/Dialog";
import { formatNames } from "./format";
import type { MessageItem } from "./model/types";
import styles from "./Reactions.module.css";

/** Who reacted with what. A mouse sees it in a tooltip; fingers and keys come here. */
export function ReactionsDialog({ item, onClose }: { item: MessageItem | undefined; onClose: () => void }): ReactElement {
  const { t } = useTranslation("timeline");
  return (
    <Dialog open={item !== undefined} onClose={onClose} size="sm" title={t("reactions")}>
      <ul className={styles.who}>
        {item?.reactions.map((reaction) => (
          <li key={reaction.key}>
            <span className={styles.emoji}>{reaction.key}</span>
            <span dir="auto">{formatNames(reaction.names)}</span>
          </li>
        ))}
      </ul>
    </Dialog>
  );
}
