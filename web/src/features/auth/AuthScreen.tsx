import { useEffect, useState } from "react";
import type { ReactElement } from "react";
import { useTranslation } from "react-i18next";
import { BrandMark } from "@/components/Brand";
import { Icon } from "@/components/Icon";
import { signUpOffer } from "@/matrix/auth";
import type { StoredSession } from "@/matrix/session";
import styles from "./AuthScreen.module.css";
import { SignInForm } from "./SignInForm";
import { SignUpForm } from "./SignUpForm";

export interface AuthScreenProps {
  onSession: (session: StoredSession) => void;
  /** A sentence shown above the form, such as why the person stands here again. */
  notice?: string | undefined;
}

/** The door: sign in or create an account. */
export function AuthScreen({ onSession, notice }: AuthScreenProps): ReactElement {
  const { t } = useTranslation("auth");
  const [mode, setMode] = useState<"in" | "up">("in");
  const [offer, setOffer] = useState<"open" | "token" | "closed">("open");

  useEffect(() => {
    let mounted = true;
    void signUpOffer().then((answer) => mounted && setOffer(answer));
    return () => {
      mounted = false;
    };
  }, []);

  const other = mode === "in" ? "up" : "in";
  return (
    <main className={styles.screen}>
      <div className={styles.column}>
        <div className={styles.brand}>
          <BrandMark size={34} />
          <span>Chatbook</span>
        </div>
        <section className={styles.card} aria-labelledby="auth-title">
          <h1 id="auth-title">{mode === "in" ? t("welcome") : t("join")}</h1>
          <p className={styles.lead}>{mode === "in" ? t("welcomeHint") : t("joinHint")}</p>
          {notice && mode === "in" && (
            <p className={styles.notice} role="status">
              <Icon name="alert" size={18} />
              {notice}
            </p>
          )}
          {mode === "in" ? <SignInForm onSession={onSession} /> : <SignUpForm onSession={onSession} askInvitation={offer === "token"} />}
          <p className={styles.switch}>
            {offer === "closed" && mode === "in" ? (
              t("closed")
            ) : (
              <>
                {mode === "in" ? t("noAccount") : t("haveAccount")}{" "}
                <button type="button" className={styles.link} onClick={() => setMode(other)}>
                  {mode === "in" ? t("signUp") : t("signIn")}
                </button>
              </>
            )}
          </p>
        </section>
        <p className={styles.tagline}>{t("tagline")}</p>
      </div>
    </main>
  );
}
