import type { Room } from "matrix-js-sdk";
import { useCallback, useMemo } from "react";
import { useTranslation } from "react-i18next";
import { showToast } from "@/components/Toast";
import { useClient } from "@/matrix/ClientProvider";
import { composerIntents, type ComposerIntent } from "@/matrix/composerIntent";
import { examine } from "@/matrix/mediaFacts";
import { uploadsOf } from "@/matrix/uploads";
import type { Draft } from "./drafts";
import { write } from "./markdown";
import { mentionsOf, messageContent } from "./message";

/** An event may have 65,536 bytes; the rest of it needs some too. */
const LARGEST_CONTENT = 60_000;

export interface Send {
  /** Whether the server would refuse the text for its length. */
  readonly isTooLong: (draft: Draft, intent: ComposerIntent | null) => boolean;
  readonly text: (draft: Draft) => void;
  readonly files: (files: readonly File[], caption: string) => Promise<void>;
}

export function useSend(room: Room): Send {
  const client = useClient();
  const { t } = useTranslation("composer");
  const { roomId } = room;

  const isTooLong = useCallback((draft: Draft, intent: ComposerIntent | null): boolean => {
    // Only very long texts can be too long; the exact size is worth computing for them alone.
    if (draft.text.length < LARGEST_CONTENT / 12) return false;
    const content = messageContent(write(draft.text, draft.mentions), intent);
    return new TextEncoder().encode(JSON.stringify(content)).length > LARGEST_CONTENT;
  }, []);

  const text = useCallback(
    (draft: Draft): void => {
      const intent = composerIntents.get(roomId);
      const written = write(draft.text, draft.mentions);
      composerIntents.set(roomId, null);
      if (intent?.kind === "edit" && intent.event.getContent()["body"] === written.body) return;
      client.sendMessage(roomId, messageContent(written, intent)).catch(() => {
        // A new message shows its failure in the timeline; a failed edit has no row of its own.
        if (intent?.kind !== "edit") return;
        const failed = room.getPendingEvents().find((event) => event.isRelation("m.replace") && event.status === "not_sent");
        if (failed) client.cancelPendingEvent(failed);
        showToast(t("editFailed"), { kind: "error" });
        composerIntents.set(roomId, { ...intent, text: draft.text });
      });
    },
    [client, room, roomId, t],
  );

  const files = useCallback(
    async (picked: readonly File[], caption: string): Promise<void> => {
      const intent = composerIntents.get(roomId);
      const replyTo = intent?.kind === "reply" ? intent.event : undefined;
      if (replyTo) composerIntents.set(roomId, null);
      const drafts = await Promise.all(picked.map(examine));
      const written = caption.trim() === "" ? undefined : write(caption, []);
      uploadsOf(client).add(
        roomId,
        drafts.map((draft, i) => ({
          ...draft,
          extra: { "m.mentions": mentionsOf({ mentions: [] }, i === 0 ? replyTo : undefined) },
          // The words belong to the first file, as a person would say them before the others.
          ...(i === 0 ? { caption: written?.body, captionHtml: written?.html, replyTo: replyTo?.getId() } : {}),
        })),
      );
    },
    [client, roomId],
  );

  return useMemo(() => ({ isTooLong, text, files }), [isTooLong, text, files]);
}
