import type { ButtonHTMLAttributes, ReactElement, Ref } from "react";
import { Icon } from "./Icon";
import type { IconName } from "./Icon";
import styles from "./IconButton.module.css";
import { Tooltip } from "./Tooltip";
import { classes } from "./classes";

export interface IconButtonProps extends Omit<ButtonHTMLAttributes<HTMLButtonElement>, "aria-label"> {
  icon: IconName;
  /** The accessible name, also shown as a tooltip. */
  label: string;
  /** accent: the one primary action of a view. */
  variant?: "plain" | "soft" | "accent";
  size?: "sm" | "md" | "lg";
  tooltip?: boolean;
  ref?: Ref<HTMLButtonElement>;
}

export function IconButton({ icon, label, variant = "plain", size = "md", tooltip = true, className, ref, ...rest }: IconButtonProps): ReactElement {
  const button = (
    <button
      type="button"
      {...rest}
      ref={ref}
      aria-label={label}
      className={classes(styles.button, styles[variant], styles[size], className)}
    >
      <Icon name={icon} size={size === "sm" ? 18 : 20} />
    </button>
  );
  return tooltip ? <Tooltip text={label}>{button}</Tooltip> : button;
}
