import { useRef, useState } from "react";
import type { ReactElement } from "react";
import { useTranslation } from "react-i18next";
import { Button } from "@/components/Button";
import { Form, FormError } from "@/components/Form";
import { TextField } from "@/components/TextField";
import { signIn } from "@/matrix/auth";
import { ApiError, errorKey } from "@/matrix/http";
import type { StoredSession } from "@/matrix/session";

type Errors = { name?: string; password?: string; form?: string };

export function SignInForm({ onSession }: { onSession: (session: StoredSession) => void }): ReactElement {
  const { t } = useTranslation(["auth", "matrix"]);
  const [errors, setErrors] = useState<Errors>({});
  const [busy, setBusy] = useState(false);
  const nameField = useRef<HTMLInputElement>(null);
  const passwordField = useRef<HTMLInputElement>(null);

  const submit = async (): Promise<void> => {
    if (busy) return;
    const name = nameField.current?.value.trim() ?? "";
    const password = passwordField.current?.value ?? "";
    const found: Errors = {};
    if (!name) found.name = t("errors.nameMissing");
    if (!password) found.password = t("errors.passwordMissing");
    setErrors(found);
    if (found.name) return nameField.current?.focus();
    if (found.password) return passwordField.current?.focus();
    setBusy(true);
    try {
      onSession(await signIn(name, password));
    } catch (error) {
      const wrong = error instanceof ApiError && error.errcode === "M_FORBIDDEN";
      setErrors({ form: wrong ? t("errors.wrong") : t(errorKey(error), { ns: "matrix" }) });
      if (wrong) passwordField.current?.select();
    } finally {
      setBusy(false);
    }
  };

  return (
    <Form onSubmit={() => void submit()}>
      <TextField ref={nameField} label={t("name")} name="username" autoComplete="username" autoCapitalize="none" spellCheck={false} error={errors.name} />
      <TextField ref={passwordField} label={t("password")} type="password" name="password" autoComplete="current-password" error={errors.password} />
      <FormError>{errors.form}</FormError>
      <Button type="submit" variant="primary" wide busy={busy}>
        {t("signIn")}
      </Button>
    </Form>
  );
}
