import type { ReactElement } from "react";
import { useTranslation } from "react-i18next";
import { VisuallyHidden } from "@/components/VisuallyHidden";
import { PersonAvatar } from "@/matrix/avatars";
import { formatNames } from "./format";
import type { Typist } from "./model/types";
import styles from "./TypingRow.module.css";

export function TypingRow({ typists }: { typists: readonly Typist[] }): ReactElement {
  const { t } = useTranslation("timeline");
  return (
    <div className={styles.typing}>
      {typists.slice(0, 3).map((typist) => (
        <PersonAvatar key={typist.userId} id={typist.userId} name={typist.name} mxc={typist.avatar} size={28} />
      ))}
      <span className={styles.dots} aria-hidden="true">
        <i />
        <i />
        <i />
      </span>
      <VisuallyHidden>
        {t("typing", { count: typists.length, names: formatNames(typists.map((typist) => typist.name)) })}
      </VisuallyHidden>
    </div>
  );
}
