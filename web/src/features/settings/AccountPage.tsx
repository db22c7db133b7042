import { useState } from "react";
import type { ReactElement } from "react";
import { useTranslation } from "react-i18next";
import { Button } from "@/components/Button";
import { Form, FormActions } from "@/components/Form";
import { TextField } from "@/components/TextField";
import { showToast } from "@/components/Toast";
import { useClient } from "@/matrix/ClientProvider";
import { errorKey } from "@/matrix/http";
import { isWrongPassword, withPassword } from "@/matrix/reauth";
import { PasswordDialog } from "./PasswordDialog";
import styles from "./settings.module.css";

export function AccountPage({ onSignOut }: { onSignOut: () => void }): ReactElement {
  const { t } = useTranslation("settings");
  const client = useClient();
  const [closing, setClosing] = useState(false);
  return (
    <>
      <PasswordForm />
      <h3>{t("signOut")}</h3>
      <p className={styles.hint}>{t("signOutHint")}</p>
      <Button icon="logout" onClick={onSignOut}>
        {t("signOut")}
      </Button>
      <h3>{t("deactivate")}</h3>
      <p className={styles.hint}>{t("deactivateHint")}</p>
      <Button variant="danger" onClick={() => setClosing(true)}>
        {t("deactivate")}
      </Button>
      {closing && (
        <PasswordDialog
          title={t("deactivateTitle")}
          hint={t("deactivateHint")}
          confirm={t("deactivateConfirm")}
          act={(auth) => client.deactivateAccount(auth)}
          onDone={onSignOut}
          onClose={() => setClosing(false)}
        />
      )}
    </>
  );
}

function PasswordForm(): ReactElement {
  const { t } = useTranslation(["settings", "matrix"]);
  const client = useClient();
  const [current, setCurrent] = useState("");
  const [next, setNext] = useState("");
  const [others, setOthers] = useState(true);
  const [errors, setErrors] = useState<{ current?: string; next?: string }>({});
  const [busy, setBusy] = useState(false);

  const submit = async (): Promise<void> => {
    if (busy) return;
    if (!current) return setErrors({ current: t("missing") });
    if (next.length < 8) return setErrors({ next: t("passwordShort") });
    setErrors({});
    setBusy(true);
    try {
      await withPassword(client, current, (auth) => client.setPassword((auth ?? {}) as never, next, others));
      setCurrent("");
      setNext("");
      showToast(t("passwordChanged"));
    } catch (error) {
      const text = t(errorKey(error), { ns: "matrix" });
      setErrors(isWrongPassword(error) ? { current: t("passwordWrong") } : { next: text });
    }
    setBusy(false);
  };

  return (
    <Form onSubmit={() => void submit()}>
      <h3>{t("changePassword")}</h3>
      <TextField
        label={t("currentPassword")}
        type="password"
        autoComplete="current-password"
        value={current}
        error={errors.current}
        onChange={(event) => setCurrent(event.target.value)}
      />
      <TextField
        label={t("newPassword")}
        type="password"
        autoComplete="new-password"
        hint={t("newPasswordHint")}
        value={next}
        error={errors.next}
        onChange={(event) => setNext(event.target.value)}
      />
      <label className={styles.check}>
        <input type="checkbox" checked={others} onChange={(event) => setOthers(event.target.checked)} />
        {t("signOutOthers")}
      </label>
      <FormActions>
        <Button type="submit" variant="primary" busy={busy}>
          {t("changePassword")}
        </Button>
      </FormActions>
    </Form>
  );
}
