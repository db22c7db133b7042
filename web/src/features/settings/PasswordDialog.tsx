import type { AuthDict } from "matrix-js-sdk";
import { useState } from "react";
import type { FormEvent, ReactElement } from "react";
import { useTranslation } from "react-i18next";
import { Button } from "@/components/Button";
import { Dialog } from "@/components/Dialog";
import { TextField } from "@/components/TextField";
import { useClient } from "@/matrix/ClientProvider";
import { errorKey } from "@/matrix/http";
import { isWrongPassword, withPassword } from "@/matrix/reauth";
import styles from "./settings.module.css";

export interface PasswordDialogProps {
  title: string;
  hint: string;
  confirm: string;
  act: (auth?: AuthDict) => Promise<unknown>;
  onDone: () => void;
  onClose: () => void;
}

/** Asks for the password before something grave. */
export function PasswordDialog({ title, hint, confirm, act, onDone, onClose }: PasswordDialogProps): ReactElement {
  const { t } = useTranslation(["settings", "matrix"]);
  const client = useClient();
  const [password, setPassword] = useState("");
  const [error, setError] = useState<string>();
  const [busy, setBusy] = useState(false);

  const submit = async (event: FormEvent): Promise<void> => {
    event.preventDefault();
    if (busy) return;
    if (!password) return setError(t("missing"));
    setBusy(true);
    setError(undefined);
    try {
      await withPassword(client, password, act);
      onDone();
    } catch (failure) {
      setError(isWrongPassword(failure) ? t("passwordWrong") : t(errorKey(failure), { ns: "matrix" }));
      setBusy(false);
    }
  };

  return (
    <Dialog open onClose={onClose} title={title} size="sm">
      <form className={styles.form} onSubmit={(event) => void submit(event)} noValidate>
        <p>{hint}</p>
        <TextField
          label={t("password")}
          type="password"
          autoComplete="current-password"
          value={password}
          error={error}
          onChange={(event) => setPassword(event.target.value)}
        />
        <div className={styles.actions}>
          <Button onClick={onClose}>{t("cancel")}</Button>
          <Button type="submit" variant="danger" busy={busy}>
            {confirm}
          </Button>
        </div>
      </form>
    </Dialog>
  );
}
