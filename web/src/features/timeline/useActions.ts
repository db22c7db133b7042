import { EventType, RelationType, type Room } from "matrix-js-sdk";
import { useMemo } from "react";
import { useTranslation } from "react-i18next";
import { dismissToast, showToast } from "@/components/Toast";
import { useClient } from "@/matrix/ClientProvider";
import { composerIntents } from "@/matrix/composerIntent";
import { deletionsOf, UNDO_MS } from "@/matrix/deletions";
import { uploadsOf } from "@/matrix/uploads";
import type { TimelineActions } from "./context";
import type { MessageItem } from "./model/types";
import type { TimelineViewModel } from "./TimelineViewModel";

/** Everything a message can be asked to do. */
export function useActions(
  viewModel: TimelineViewModel,
  room: Room,
  view: (item: MessageItem) => void,
  askDelete: (item: MessageItem) => void,
  showReactions: (item: MessageItem) => void,
): TimelineActions {
  const client = useClient();
  const { t } = useTranslation("timeline");
  return useMemo(() => {
    const { roomId } = room;
    const complain = (): void => void showToast(t("actionFailed"), { kind: "error" });
    const intend = (kind: "reply" | "edit") => (item: MessageItem) => {
      const event = viewModel.event(item.id);
      if (event) composerIntents.set(roomId, { kind, event });
    };
    return {
      viewModel,
      room,
      view,
      askDelete,
      showReactions,
      remove: (item, reason) => {
        const deletions = deletionsOf(client);
        const toast = showToast(t("deletedToast"), { ms: UNDO_MS, action: { label: t("undo"), run: () => deletions.undo(item.id) } });
        void deletions.delete(roomId, item.id, reason).then((outcome) => {
          dismissToast(toast);
          if (outcome === "refused") showToast(t("deleteRefused"), { kind: "error" });
        });
        focusMessage(item.id);
      },
      restore: (item) => {
        deletionsOf(client).undo(item.id);
        focusMessage(item.id);
      },
      reply: intend("reply"),
      edit: intend("edit"),
      react: (item, key) => {
        const own = item.reactions.find((reaction) => reaction.key === key)?.ownEventId;
        if (own === undefined) {
          const relation = { rel_type: RelationType.Annotation, event_id: item.id, key } as const;
          client.sendEvent(roomId, EventType.Reaction, { "m.relates_to": relation }).catch(complain);
          return;
        }
        const pending = room.getPendingEvents().find((event) => event.getId() === own);
        if (pending) client.cancelPendingEvent(pending);
        else client.redactEvent(roomId, own).catch(complain);
      },
      jump: (eventId) => {
        void viewModel.jumpTo(eventId).then((found) => {
          if (!found) showToast(t("jumpFailed"));
        });
      },
      retry: (item) => {
        if (item.upload) return uploadsOf(client).retry(item.upload.id);
        const event = viewModel.event(item.id);
        // A second failure shows at the message again.
        if (event) client.resendEvent(event, room).catch(() => undefined);
      },
      discard: (item) => {
        if (item.upload) return uploadsOf(client).cancel(item.upload.id);
        const event = viewModel.event(item.id);
        if (event) client.cancelPendingEvent(event);
      },
    };
  }, [viewModel, room, view, askDelete, showReactions, client, t]);
}

/** The button that was pressed is gone; the focus goes to its message. */
function focusMessage(id: string): void {
  // After the menu has given the focus back to a button that is no more.
  setTimeout(() => {
    if (document.activeElement && document.activeElement !== document.body) return;
    document.querySelector<HTMLElement>(`[data-event-id="${CSS.escape(id)}"]`)?.focus({ preventScroll: true });
  }, 50);
}
