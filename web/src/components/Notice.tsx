import type { ReactElement, ReactNode } from "react";
import { Icon } from "./Icon";
import type { IconName } from "./Icon";
import styles from "./Notice.module.css";

export interface NoticeProps {
  icon?: IconName;
  title?: ReactNode;
  /** The next thing to do: one button. */
  action?: ReactNode;
  /** Something went wrong, and is to be read out. */
  alert?: boolean;
  children?: ReactNode;
}

/** What stands where there is nothing to show: what this is, and one thing to do. */
export function Notice({ icon, title, action, alert = false, children }: NoticeProps): ReactElement {
  return (
    <div className={styles.notice} role={alert ? "alert" : undefined}>
      {icon && (
        <span className={styles.icon}>
          <Icon name={icon} size={24} />
        </span>
      )}
      {title && <b>{title}</b>}
      {children && <p>{children}</p>}
      {action}
    </div>
  );
}
