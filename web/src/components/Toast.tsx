import { useSyncExternalStore } from "react";
import type { ReactElement } from "react";
import { useTranslation } from "react-i18next";
import { Icon } from "./Icon";
import { IconButton } from "./IconButton";
import styles from "./Toast.module.css";

export interface Toast {
  id: number;
  text: string;
  kind: "info" | "error";
  action?: { label: string; run: () => void } | undefined;
}

let toasts: readonly Toast[] = [];
let lastId = 0;
const listeners = new Set<() => void>();
const emit = (next: readonly Toast[]): void => {
  toasts = next;
  listeners.forEach((listener) => listener());
};

/** Says something rare and passing. Errors stay twice as long. Returns its id. */
export function showToast(text: string, options: { kind?: Toast["kind"]; action?: Toast["action"]; ms?: number } = {}): number {
  const kind = options.kind ?? "info";
  const id = ++lastId;
  emit([...toasts.slice(-2), { id, text, kind, action: options.action }]);
  setTimeout(() => dismissToast(id), options.ms ?? (kind === "error" ? 10_000 : 5_000));
  return id;
}

export function dismissToast(id: number): void {
  emit(toasts.filter((toast) => toast.id !== id));
}

const subscribe = (listener: () => void): (() => void) => {
  listeners.add(listener);
  return () => listeners.delete(listener);
};

/** The stack of toasts: it covers neither a room's header nor the composer. Place it once. */
export function ToastRegion(): ReactElement {
  const { t } = useTranslation("components");
  const shown = useSyncExternalStore(subscribe, () => toasts);
  return (
    <section className={styles.region} aria-live="polite" aria-label={t("notifications")}>
      {shown.map((toast) => (
        <div key={toast.id} className={styles.toast} data-kind={toast.kind}>
          {toast.kind === "error" && <Icon name="alert" size={18} />}
          <span className={styles.text}>{toast.text}</span>
          {toast.action && (
            <button
              type="button"
              className={styles.action}
              onClick={() => {
                toast.action?.run();
                dismissToast(toast.id);
              }}
            >
              {toast.action.label}
            </button>
          )}
          <IconButton icon="close" size="sm" label={t("dismiss")} tooltip={false} className={styles.close ?? ""} onClick={() => dismissToast(toast.id)} />
        </div>
      ))}
    </section>
  );
}
