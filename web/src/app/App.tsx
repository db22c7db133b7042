import { lazy, Suspense, useCallback, useEffect, useState } from "react";
import type { ReactElement } from "react";
import { useTranslation } from "react-i18next";
import { clearSession, loadSession, onSessionChange, saveSession } from "@/matrix/session";
import type { StoredSession } from "@/matrix/session";
import { LoadingShell } from "./LoadingShell";

// Who signs in needs nothing of what comes after, and who is signed in nothing of the door.
const AuthScreen = lazy(() => import("@/features/auth/AuthScreen").then((module) => ({ default: module.AuthScreen })));
const SignedIn = lazy(() => import("./SignedIn").then((module) => ({ default: module.SignedIn })));

/** Signed in or not: that is the first question. */
export function App(): ReactElement {
  const { t } = useTranslation("auth");
  const [session, setSession] = useState<StoredSession | null>(() => loadSession());
  const [notice, setNotice] = useState<string>();

  // Signing in or out in one tab does so in all; a renewed token is nothing to act on.
  useEffect(() => onSessionChange((next) => setSession((now) => (now?.userId === next?.userId && now?.deviceId === next?.deviceId ? now : next))), []);

  const begin = useCallback((next: StoredSession) => {
    saveSession(next);
    setNotice(undefined);
    setSession(next);
  }, []);
  const end = useCallback(
    (reason: "chosen" | "loggedOut") => {
      clearSession();
      window.history.replaceState(null, "", "/");
      setNotice(reason === "loggedOut" ? t("signedOut") : undefined);
      setSession(null);
    },
    [t],
  );

  return (
    <Suspense fallback={session ? <LoadingShell /> : null}>
      {session ? (
        <SignedIn key={`${session.userId} ${session.deviceId}`} session={session} onEnd={end} />
      ) : (
        <AuthScreen onSession={begin} notice={notice} />
      )}
    </Suspense>
  );
}
