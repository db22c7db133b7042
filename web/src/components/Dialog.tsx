import * as RadixDialog from "@radix-ui/react-dialog";
import { useLayoutEffect, useRef } from "react";
import type { ReactElement, ReactNode, RefObject } from "react";
import { useTranslation } from "react-i18next";
import styles from "./Dialog.module.css";
import { IconButton } from "./IconButton";
import { classes } from "./classes";

export interface DialogProps {
  open: boolean;
  onClose: () => void;
  title: string;
  /** Hides the title bar but keeps the title for screen readers. */
  bare?: boolean;
  size?: "sm" | "md" | "lg" | "full";
  /** Keeps one height, whatever is found or shown inside: nothing jumps. */
  steady?: boolean;
  /** What has the focus first. */
  initialFocus?: RefObject<HTMLElement | null>;
  children: ReactNode;
  /** Buttons, right-aligned at the end; the last is the primary one. */
  actions?: ReactNode;
}

/**
 * A modal dialog; on a phone a sheet from the bottom. Focus is kept inside and given back.
 * The backdrop is our own element: Radix's overlay injects a <style> element, which the
 * content security policy forbids (the page itself never scrolls, so nothing needs locking).
 */
export function Dialog({ open, onClose, title, bare = false, size = "md", steady = false, initialFocus, children, actions }: DialogProps): ReactElement {
  const { t } = useTranslation("components");
  const content = useRef<HTMLDivElement>(null);
  // Radix gives the focus back to its own trigger, and ours are opened by anything. Noted before the content is there.
  const opener = useRef<Element>(null);
  useLayoutEffect(() => {
    if (open) opener.current = document.activeElement;
  }, [open]);
  return (
    <RadixDialog.Root open={open} onOpenChange={(next) => !next && onClose()}>
      <RadixDialog.Portal>
        <div className={styles.backdrop} />
        <RadixDialog.Content
          ref={content}
          tabIndex={-1}
          className={classes(styles.dialog, styles[size], bare && styles.bare, steady && styles.steady)}
          aria-describedby={undefined}
          onCloseAutoFocus={(event) => {
            event.preventDefault();
            if (opener.current instanceof HTMLElement) opener.current.focus({ preventScroll: true });
          }}
          // The dialog itself, unless a field inside took the focus: a ring around "Close" helps nobody.
          onOpenAutoFocus={(event) => {
            event.preventDefault();
            (initialFocus?.current ?? content.current)?.focus({ preventScroll: true });
          }}
        >
          <header className={bare ? styles.hidden : styles.header}>
            <RadixDialog.Title className={styles.title}>{title}</RadixDialog.Title>
            {!bare && <IconButton icon="close" label={t("close")} onClick={onClose} tooltip={false} />}
          </header>
          <div className={styles.body}>{children}</div>
          {actions && <footer className={styles.actions}>{actions}</footer>}
        </RadixDialog.Content>
      </RadixDialog.Portal>
    </RadixDialog.Root>
  );
}
