import type { ButtonHTMLAttributes, ReactElement, ReactNode, Ref } from "react";
import styles from "./Button.module.css";
import { Icon } from "./Icon";
import type { IconName } from "./Icon";
import { Spinner } from "./Spinner";
import { classes } from "./classes";

export interface ButtonProps extends ButtonHTMLAttributes<HTMLButtonElement> {
  /** primary: the one main action; soft: the others; plain: text only; danger: what cannot be undone. */
  variant?: "primary" | "soft" | "plain" | "danger";
  icon?: IconName;
  /** Shows progress, keeps the width, ignores clicks. */
  busy?: boolean;
  wide?: boolean;
  children: ReactNode;
  ref?: Ref<HTMLButtonElement>;
}

export function Button({ variant = "soft", icon, busy = false, wide = false, className, children, disabled, ref, ...rest }: ButtonProps): ReactElement {
  return (
    <button
      type="button"
      {...rest}
      ref={ref}
      disabled={disabled}
      aria-busy={busy || undefined}
      aria-disabled={busy || undefined}
      onClick={busy ? (e) => e.preventDefault() : rest.onClick}
      className={classes(styles.button, styles[variant], wide && styles.wide, className)}
    >
      {busy ? <Spinner /> : icon && <Icon name={icon} size={18} />}
      <span className={styles.label}>{children}</span>
    </button>
  );
}
