import { useState } from "react";
import { useTranslation } from "react-i18next";
import { showToast } from "@/components/Toast";
import { useClient } from "@/matrix/ClientProvider";
import type { MediaFacts } from "@/features/timeline/model/types";
import { saveMedia } from "./download";

/** Saves a file to the disk; when that fails it says so and offers to try again. */
export function useSave(media: MediaFacts | undefined): { readonly save: () => Promise<void>; readonly busy: boolean } {
  const { t } = useTranslation("timeline");
  const client = useClient();
  const [busy, setBusy] = useState(false);
  const save = async (): Promise<void> => {
    if (!media) return;
    setBusy(true);
    try {
      await saveMedia(client, media);
    } catch {
      showToast(t("downloadFailed", { name: media.name }), { kind: "error", action: { label: t("retry"), run: () => void save() } });
    } finally {
      setBusy(false);
    }
  };
  return { save, busy };
}
