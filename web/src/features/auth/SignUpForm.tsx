import { useRef, useState } from "react";
import type { ReactElement } from "react";
import { useTranslation } from "react-i18next";
import { Button } from "@/components/Button";
import { Form, FormError } from "@/components/Form";
import { TextField } from "@/components/TextField";
import { passwordStrength, signUp } from "@/matrix/auth";
import { ApiError, errorKey } from "@/matrix/http";
import type { StoredSession } from "@/matrix/session";
import styles from "./AuthScreen.module.css";

export interface SignUpFormProps {
  onSession: (session: StoredSession) => void;
  askInvitation: boolean;
}

type Errors = { name?: string; password?: string; invitation?: string; form?: string };

const NAME = /^[a-z0-9._=\-/+]+$/;

export function SignUpForm({ onSession, askInvitation }: SignUpFormProps): ReactElement {
  const { t } = useTranslation(["auth", "matrix"]);
  const [values, setValues] = useState({ name: "", password: "", invitation: "" });
  const [errors, setErrors] = useState<Errors>({});
  const [busy, setBusy] = useState(false);
  const [wantsInvitation, setWantsInvitation] = useState(false);
  const form = useRef<HTMLFormElement>(null);
  const showInvitation = askInvitation || wantsInvitation;
  const strength = passwordStrength(values.password);
  const set = (field: keyof typeof values) => (event: { target: { value: string } }) => setValues({ ...values, [field]: event.target.value });

  const fail = (found: Errors): void => {
    setErrors(found);
    requestAnimationFrame(() => form.current?.querySelector<HTMLElement>("[aria-invalid]")?.focus());
  };

  const submit = async (): Promise<void> => {
    if (busy) return;
    const found: Errors = {};
    const name = values.name.trim();
    if (!name) found.name = t("errors.nameMissing");
    else if (!NAME.test(name)) found.name = t("errors.nameBad");
    if (!values.password) found.password = t("errors.passwordMissing");
    else if (values.password.length < 8) found.password = t("errors.passwordShort");
    if (showInvitation && !values.invitation.trim()) found.invitation = t("errors.invitationMissing");
    if (Object.keys(found).length > 0) return fail(found);
    setErrors({});
    setBusy(true);
    try {
      const result = await signUp(name, values.password, values.invitation.trim() || undefined);
      if (result.kind === "done") return onSession(result.session);
      if (result.kind === "unsupported") return setErrors({ form: t("errors.unsupported", { stages: result.stages.join(", ") }) });
      setWantsInvitation(true);
      fail({ invitation: result.wrong ? t("errors.invitationWrong") : t("errors.invitationMissing") });
    } catch (error) {
      fail(explain(error, (key) => t(key, { ns: "matrix" }), t("closed")));
    } finally {
      setBusy(false);
    }
  };

  return (
    <Form ref={form} onSubmit={() => void submit()}>
      <TextField
        label={t("name")}
        name="username"
        autoComplete="username"
        autoCapitalize="none"
        spellCheck={false}
        value={values.name}
        onChange={set("name")}
        hint={t("nameHint")}
        error={errors.name}
      />
      <TextField
        label={t("password")}
        type="password"
        name="password"
        autoComplete="new-password"
        value={values.password}
        onChange={set("password")}
        hint={strength === 0 ? t("passwordHint") : <Strength level={strength} label={t("strengthLabel")} text={t(`strength.${strength}`)} />}
        error={errors.password}
      />
      {showInvitation && (
        <TextField
          label={t("invitation")}
          name="invitation"
          autoComplete="off"
          value={values.invitation}
          onChange={set("invitation")}
          hint={t("invitationHint")}
          error={errors.invitation}
        />
      )}
      <FormError>{errors.form}</FormError>
      <Button type="submit" variant="primary" wide busy={busy}>
        {t("signUp")}
      </Button>
    </Form>
  );
}

function Strength({ level, label, text }: { level: number; label: string; text: string }): ReactElement {
  return (
    <span className={styles.strength} data-level={level}>
      <span className={styles.bars} aria-hidden="true">
        {[1, 2, 3, 4].map((bar) => (
          <i key={bar} data-on={bar <= level ? "" : undefined} />
        ))}
      </span>
      <span aria-label={`${label}: ${text}`}>{text}</span>
    </span>
  );
}

function explain(error: unknown, say: (key: string) => string, closed: string): Errors {
  const text = say(errorKey(error));
  const code = error instanceof ApiError ? error.errcode : "";
  if (["M_USER_IN_USE", "M_INVALID_USERNAME", "M_EXCLUSIVE"].includes(code)) return { name: text };
  if (code === "M_WEAK_PASSWORD") return { password: text };
  return { form: code === "M_FORBIDDEN" ? closed : text };
}
