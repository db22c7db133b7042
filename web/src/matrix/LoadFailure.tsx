import type { ReactElement } from "react";
import { useTranslation } from "react-i18next";
import { Button } from "@/components/Button";
import { Notice } from "@/components/Notice";
import { errorKey } from "./http";

/** What stands where something could not be loaded: why, and trying again. */
export function LoadFailure({ error, onRetry }: { error: unknown; onRetry: () => void }): ReactElement {
  const { t } = useTranslation("matrix");
  return (
    <Notice
      alert
      icon="alert"
      action={
        <Button icon="retry" onClick={onRetry}>
          {t("retry")}
        </Button>
      }
    >
      {t(errorKey(error))}
    </Notice>
  );
}
