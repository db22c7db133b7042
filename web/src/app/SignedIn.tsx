import { useEffect, useState } from "react";
import type { ReactElement } from "react";
import { ToastRegion } from "@/components/Toast";
import { TooltipProvider } from "@/components/Tooltip";
import { ClientProvider } from "@/matrix/ClientProvider";
import { forget, startRunning } from "@/matrix/client";
import type { Running } from "@/matrix/client";
import type { StoredSession } from "@/matrix/session";
import { TransportContext } from "@/matrix/TransportContext";
import { LoadingShell } from "./LoadingShell";
import { Shell } from "./Shell";

export interface SignedInProps {
  session: StoredSession;
  onEnd: (reason: "chosen" | "loggedOut") => void;
}

/** Runs the client of one session while mounted. */
export function SignedIn({ session, onEnd }: SignedInProps): ReactElement {
  const [running, setRunning] = useState<Running | null>(null);
  const [ready, setReady] = useState(false);

  useEffect(() => {
    let over = false;
    let started: Running | undefined;
    const loggedOut = (): void => {
      if (over) return;
      void forget(started?.client).then(() => onEnd("loggedOut"));
    };
    void startRunning(session, loggedOut).then((next) => {
      if (over) return next.stop();
      started = next;
      setRunning(next);
      void next.ready.then(() => !over && setReady(true));
    });
    return () => {
      over = true;
      started?.stop();
    };
  }, [session, onEnd]);

  if (!running) return <LoadingShell />;
  return (
    <TransportContext value={running.transport}>
      <ClientProvider client={running.client}>
        <TooltipProvider>
          {ready ? <Shell onSignOut={() => void running.signOut().then(() => onEnd("chosen"))} /> : <LoadingShell />}
          <ToastRegion />
        </TooltipProvider>
      </ClientProvider>
    </TransportContext>
  );
}
