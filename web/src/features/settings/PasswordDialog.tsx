import type { AuthDict } from "matrix-js-sdk";
import { useState } from "react";
import type { ReactElement } from "react";
import { useTranslation } from "react-i18next";
import { Button } from "@/components/Button";
import { Dialog } from "@/components/Dialog";
import { Form, FormActions } from "@/components/Form";
import { TextField } from "@/components/TextField";
import { useClient } from "@/matrix/ClientProvider";
import { errorKey } from "@/matrix/http";
import { isWrongPassword, withPassword } from "@/matrix/reauth";

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

  const submit = async (): Promise<void> => {
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
      <Form onSubmit={() => void submit()}>
        <p>{hint}</p>
        <TextField
          label={t("password")}
          type="password"
          autoComplete="current-password"
          value={password}
          error={error}
          onChange={(event) => setPassword(event.target.value)}
        />
        <FormActions>
          <Button onClick={onClose}>{t("cancel")}</Button>
          <Button type="submit" variant="danger" busy={busy}>
            {confirm}
          </Button>
        </FormActions>
      </Form>
    </Dialog>
  );
}
