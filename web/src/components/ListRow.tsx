import type { ButtonHTMLAttributes, ReactElement, ReactNode } from "react";
import { classes } from "./classes";
import styles from "./ListRow.module.css";

export interface ListRowProps extends Omit<ButtonHTMLAttributes<HTMLButtonElement>, "title"> {
  /** An avatar. */
  start: ReactNode;
  title: string;
  /** A second line, small. */
  note?: string | undefined;
  /** At the end of the line: a role, a spinner. */
  end?: ReactNode;
  /** Stands back behind the others: somebody who is not there. */
  dim?: boolean;
}

/** A person in a list, to be pressed. */
export function ListRow({ start, title, note, end, dim = false, className, ...rest }: ListRowProps): ReactElement {
  return (
    <button type="button" {...rest} className={classes(styles.row, dim && styles.dim, className)}>
      {start}
      <span className={styles.texts}>
        <b dir="auto">{title}</b>
        {note && <small>{note}</small>}
      </span>
      {end && <span className={styles.end}>{end}</span>}
    </button>
  );
}
