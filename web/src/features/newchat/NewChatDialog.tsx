import { useState } from "react";
import type { ReactElement } from "react";
import { useTranslation } from "react-i18next";
import { Button } from "@/components/Button";
import { Dialog } from "@/components/Dialog";
import { showToast } from "@/components/Toast";
import { useClient } from "@/matrix/ClientProvider";
import { errorKey } from "@/matrix/http";
import { openDirect } from "@/matrix/rooms";
import { navigate } from "@/matrix/routes";
import styles from "./newchat.module.css";
import { PersonPicker } from "./PersonPicker";
import type { Person } from "./searchPeople";

/** Starts a direct chat, or goes on with the one there is. */
export function NewChatDialog({ query, onClose }: { query: string; onClose: () => void }): ReactElement {
  const { t } = useTranslation(["newchat", "matrix"]);
  const client = useClient();
  const [busyId, setBusyId] = useState<string>();

  const begin = async (person: Person): Promise<void> => {
    if (busyId) return;
    setBusyId(person.userId);
    try {
      const roomId = await openDirect(client, person.userId);
      navigate({ roomId }, { replace: true });
    } catch (error) {
      showToast(t(errorKey(error), { ns: "matrix" }), { kind: "error" });
      setBusyId(undefined);
    }
  };

  return (
    <Dialog open onClose={onClose} title={t("newChat")} steady>
      <PersonPicker initial={query} busyId={busyId} onPick={(person) => void begin(person)} />
      <div className={styles.foot}>
        <Button variant="plain" icon="people" onClick={() => navigate({ overlay: { name: "new-room" } }, { replace: true })}>
          {t("makeRoom")}
        </Button>
      </div>
    </Dialog>
  );
}
