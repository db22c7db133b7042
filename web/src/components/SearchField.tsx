import type { InputHTMLAttributes, ReactElement, ReactNode, Ref } from "react";
import { useTranslation } from "react-i18next";
import { classes } from "./classes";
import { Icon } from "./Icon";
import { IconButton } from "./IconButton";
import styles from "./SearchField.module.css";

export interface SearchFieldProps extends Omit<InputHTMLAttributes<HTMLInputElement>, "size" | "onChange" | "type" | "aria-label"> {
  /** The accessible name; the placeholder too, unless there is another. */
  label: string;
  value: string;
  onValue: (value: string) => void;
  /** Offers to empty the field once something stands in it. */
  onClear?: () => void;
  /** At the end while the field is empty or cannot be cleared: a key hint, a spinner. */
  end?: ReactNode;
  size?: "sm" | "md";
  /** The one search of the page, for screen readers to jump to. */
  landmark?: boolean;
  ref?: Ref<HTMLInputElement>;
}

/** Where something is looked for. */
export function SearchField({ label, value, onValue, onClear, end, size = "md", landmark = false, className, ref, ...rest }: SearchFieldProps): ReactElement {
  const { t } = useTranslation("components");
  return (
    <div className={classes(styles.search, styles[size], className)} role={landmark ? "search" : undefined}>
      <Icon name="search" size={16} />
      <input
        type="text"
        enterKeyHint="search"
        placeholder={label}
        {...rest}
        ref={ref}
        aria-label={label}
        value={value}
        onChange={(event) => onValue(event.target.value)}
      />
      {value && onClear ? <IconButton icon="close" size="sm" label={t("clear")} tooltip={false} onClick={onClear} /> : end}
    </div>
  );
}
