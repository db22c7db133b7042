import { useId, useState } from "react";
import type { InputHTMLAttributes, ReactElement, ReactNode, Ref, TextareaHTMLAttributes } from "react";
import { useTranslation } from "react-i18next";
import { Icon } from "./Icon";
import styles from "./TextField.module.css";
import { classes } from "./classes";

interface Common {
  label: string;
  /** Shown under the field until there is an error. */
  hint?: ReactNode;
  error?: string | undefined;
  /** Before the text, such as # or @. */
  prefix?: string;
}

export interface TextFieldProps extends Common, Omit<InputHTMLAttributes<HTMLInputElement>, "prefix"> {
  ref?: Ref<HTMLInputElement>;
}

/** A labelled text or password input; passwords can be shown. */
export function TextField({ label, hint, error, prefix, type = "text", className, ref, ...rest }: TextFieldProps): ReactElement {
  const { t } = useTranslation("components");
  const id = useId();
  const [shown, setShown] = useState(false);
  const note = error ?? hint;
  return (
    <div className={classes(styles.field, className)}>
      <label htmlFor={id}>{label}</label>
      <div className={styles.box} data-invalid={error ? "" : undefined}>
        {prefix && <span className={styles.prefix}>{prefix}</span>}
        <input
          {...rest}
          ref={ref}
          id={id}
          type={shown ? "text" : type}
          aria-invalid={error ? true : undefined}
          aria-describedby={note ? `${id}-note` : undefined}
        />
        {type === "password" && (
          <button
            type="button"
            className={styles.reveal}
            aria-label={shown ? t("hidePassword") : t("showPassword")}
            aria-pressed={shown}
            onClick={() => setShown(!shown)}
          >
            <Icon name={shown ? "eyeOff" : "eye"} size={18} />
          </button>
        )}
      </div>
      <Note id={id} error={error} hint={hint} />
    </div>
  );
}

export interface TextAreaProps extends Common, Omit<TextareaHTMLAttributes<HTMLTextAreaElement>, "prefix"> {
  ref?: Ref<HTMLTextAreaElement>;
}

/** A labelled text of several lines. */
export function TextArea({ label, hint, error, prefix: _prefix, className, ref, ...rest }: TextAreaProps): ReactElement {
  const id = useId();
  const note = error ?? hint;
  return (
    <div className={classes(styles.field, className)}>
      <label htmlFor={id}>{label}</label>
      <div className={styles.box} data-invalid={error ? "" : undefined}>
        <textarea
          rows={3}
          {...rest}
          ref={ref}
          id={id}
          aria-invalid={error ? true : undefined}
          aria-describedby={note ? `${id}-note` : undefined}
        />
      </div>
      <Note id={id} error={error} hint={hint} />
    </div>
  );
}

function Note({ id, error, hint }: { id: string; error: string | undefined; hint: ReactNode }): ReactElement | null {
  if (!error && !hint) return null;
  return (
    <div id={`${id}-note`} className={error ? styles.error : styles.hint} role={error ? "alert" : undefined}>
      {error ?? hint}
    </div>
  );
}
