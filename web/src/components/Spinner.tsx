import type { ReactElement } from "react";
import styles from "./Spinner.module.css";

/** Appears only after 400 ms, so that quick work shows nothing. */
export function Spinner({ size = 18, label }: { size?: number; label?: string }): ReactElement {
  return (
    <span className={styles.wrap} role={label ? "status" : undefined}>
      <svg className={styles.spinner} width={size} height={size} viewBox="0 0 24 24" aria-hidden="true">
        <circle cx="12" cy="12" r="9" />
      </svg>
      {label && <span className={styles.label}>{label}</span>}
    </span>
  );
}
