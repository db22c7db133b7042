/** The content of the event a written text becomes. */
import { MsgType, RelationType, type MatrixEvent } from "matrix-js-sdk";
import type { RoomMessageEventContent } from "matrix-js-sdk/lib/@types/events";
import type { ComposerIntent } from "@/matrix/composerIntent";
import type { Written } from "./markdown";

export function messageContent(written: Written, intent: ComposerIntent | null): RoomMessageEventContent {
  const base = {
    msgtype: MsgType.Text,
    body: written.body,
    ...(written.html === undefined ? {} : { format: "org.matrix.custom.html", formatted_body: written.html }),
    // Present even when empty, so that words alone never notify anybody.
    "m.mentions": mentionsOf(written, intent?.kind === "reply" ? intent.event : undefined),
  };
  if (intent?.kind === "edit") {
    const event_id = intent.event.getId() ?? "";
    const edited = {
      ...base,
      body: `* ${written.body}`,
      ...(written.html === undefined ? {} : { formatted_body: `* ${written.html}` }),
      // Who was mentioned before is not told twice.
      "m.mentions": mentionsOf({ ...written, mentions: freshMentions(written, intent.event) }),
      "m.new_content": base,
      "m.relates_to": { rel_type: RelationType.Replace, event_id },
    };
    return edited as unknown as RoomMessageEventContent;
  }
  if (intent?.kind === "reply") {
    const event_id = intent.event.getId() ?? "";
    return { ...base, "m.relates_to": { "m.in_reply_to": { event_id } } } as unknown as RoomMessageEventContent;
  }
  return base as unknown as RoomMessageEventContent;
}

export function mentionsOf(written: Pick<Written, "mentions">, replyTo?: MatrixEvent): { user_ids?: string[] } {
  const ids = new Set(written.mentions);
  const answered = replyTo?.getSender();
  if (answered !== undefined) ids.add(answered);
  return ids.size === 0 ? {} : { user_ids: [...ids] };
}

function freshMentions(written: Written, event: MatrixEvent): readonly string[] {
  const before = (event.getContent()["m.mentions"] as { user_ids?: unknown } | undefined)?.user_ids;
  return written.mentions.filter((id) => !(Array.isArray(before) && before.includes(id)));
}
