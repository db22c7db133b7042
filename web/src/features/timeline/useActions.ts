import { EventType, RelationType, type Room } from "matrix-js-sdk";
import { useMemo } from "react";
import { useTranslation } from "react-i18next";
import { showToast } from "@/components/Toast";
import { useClient } from "@/matrix/ClientProvider";
import { composerIntents } from "@/matrix/composerIntent";
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
  }, [viewModel, room, view, askDelete, client, t]);
}
