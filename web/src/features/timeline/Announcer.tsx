import { useEffect, useRef, useState } from "react";
import type { ReactElement } from "react";
import { VisuallyHidden } from "@/components/VisuallyHidden";
import { formatTime } from "./format";
import { summaryOf } from "./model/content";
import type { Row } from "./model/types";
import { useTranslation } from "react-i18next";

/** Reads new messages of others aloud. The feed itself is silent, or scrolling back would talk without end. */
export function Announcer({ rows }: { rows: readonly Row[] }): ReactElement {
  const { t } = useTranslation("timeline");
  const [text, setText] = useState("");
  const newest = useRef<number>(undefined);

  useEffect(() => {
    const last = rows.findLast((row) => row.type === "message");
    if (last?.type !== "message") return;
    const { item } = last;
    if (newest.current !== undefined && item.ts > newest.current && !item.own) {
      setText(t("message", { name: item.senderName, time: formatTime(item.ts), text: summaryOf(item.content) }));
    }
    newest.current = Math.max(newest.current ?? 0, item.ts);
  }, [rows, t]);

  return (
    <div role="log" aria-live="polite">
      <VisuallyHidden>{text}</VisuallyHidden>
    </div>
  );
}
