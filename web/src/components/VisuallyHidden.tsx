import type { ReactElement, ReactNode } from "react";
import styles from "./VisuallyHidden.module.css";

/** Text for screen readers only. `live` makes it announce its changes. */
export function VisuallyHidden({ children, live }: { children: ReactNode; live?: "polite" | "assertive" }): ReactElement {
  return (
    <span className={styles.hidden} aria-live={live}>
      {children}
    </span>
  );
}
