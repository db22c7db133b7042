import type { ReactElement, ReactNode, SubmitEventHandler } from "react";
import styles from "./Form.module.css";

/** Fields below each other. What is missing is said by us, at the field, not by the browser. */
export function Form({ onSubmit, children, ref }: { onSubmit: () => void; children: ReactNode; ref?: React.Ref<HTMLFormElement> }): ReactElement {
  const submit: SubmitEventHandler<HTMLFormElement> = (event) => {
    event.preventDefault();
    onSubmit();
  };
  return (
    <form ref={ref} className={styles.form} onSubmit={submit} noValidate>
      {children}
    </form>
  );
}

/** A picture and the name that belongs to it, beside each other. */
export function FormIdentity({ children }: { children: ReactNode }): ReactElement {
  return <div className={styles.identity}>{children}</div>;
}

/** What went wrong with the whole form; nothing while there is no error. */
export function FormError({ children }: { children: ReactNode }): ReactElement | null {
  if (!children) return null;
  return (
    <p className={styles.error} role="alert">
      {children}
    </p>
  );
}

/** The buttons at the end; the last is the primary one. */
export function FormActions({ children }: { children: ReactNode }): ReactElement {
  return <div className={styles.actions}>{children}</div>;
}
