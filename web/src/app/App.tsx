import { useCallback, useEffect, useState } from "react";
import type { ReactElement } from "react";
import { useTranslation } from "react-i18next";
import { ToastRegion } from "@/components/Toast";
import { TooltipProvider } from "@/components/Tooltip";
import { AuthScreen } from "@/features/auth/AuthScreen";
import { clearSession, loadSession, onSessionChange, saveSession } from "@/matrix/session";
import type { StoredSession } from "@/matrix/session";
import { SignedIn } from "./SignedIn";

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
    <TooltipProvider>
      {session ? (
        <SignedIn key={`${session.userId} ${session.deviceId}`} session={session} onEnd={end} />
      ) : (
        <AuthScreen onSession={begin} notice={notice} />
      )}
      <ToastRegion />
    </TooltipProvider>
  );
}
