import { useEffect, useState } from "react";
import type { ReactElement } from "react";
import { useTranslation } from "react-i18next";
import { useConnection } from "@/matrix/TransportContext";
import styles from "./ConnectionBar.module.css";

/** A hiccup shorter than this is nobody's business. */
const PATIENCE_MS = 1_200;

/** Says calmly that the connection is lost, and goes away by itself when it is back. */
export function ConnectionBar(): ReactElement {
  const { t } = useTranslation("matrix");
  const { state, checkNow } = useConnection();
  const [late, setLate] = useState(false);
  const down = state !== "online";

  useEffect(() => {
    if (!down) return;
    const timer = setTimeout(() => setLate(true), PATIENCE_MS);
    return () => {
      clearTimeout(timer);
      setLate(false);
    };
  }, [down]);

  const shown = down && late;
  return (
    <div role="status" className={styles.region}>
      {shown && (
        <div className={styles.bar} data-state={state}>
          <i className={styles.dot} aria-hidden="true" />
          <span>{t(`connection.${state}`)}</span>
          {state !== "connecting" && (
            <button type="button" className={styles.retry} onClick={checkNow}>
              {t("connection.retry")}
            </button>
          )}
        </div>
      )}
    </div>
  );
}
