import type { ReactElement } from "react";
import { useTranslation } from "react-i18next";
import { Tooltip } from "@/components/Tooltip";
import { useTimeline } from "./context";
import { formatNames } from "./format";
import type { MessageItem } from "./model/types";
import styles from "./Reactions.module.css";

/** The reactions under a bubble; pressing one adds or takes back the reader's own. */
export function Reactions({ item }: { item: MessageItem }): ReactElement | null {
  const { t } = useTranslation("timeline");
  const { react } = useTimeline();
  if (item.reactions.length === 0) return null;
  return (
    <div className={styles.reactions}>
      {item.reactions.map((reaction) => (
        <Tooltip
          key={reaction.key}
          text={t("reactedWith", { names: formatNames(reaction.names.slice(0, 20)), emoji: reaction.key })}
        >
          <button
            type="button"
            className={styles.reaction}
            aria-pressed={reaction.ownEventId !== undefined}
            aria-label={t("reaction", { emoji: reaction.key, count: reaction.count, names: formatNames(reaction.names.slice(0, 20)) })}
            onClick={() => react(item, reaction.key)}
          >
            <span className={styles.emoji}>{reaction.key}</span> {reaction.count}
          </button>
        </Tooltip>
      ))}
    </div>
  );
}
