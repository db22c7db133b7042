import { useState } from "react";
import type { ReactElement } from "react";
import { useTranslation } from "react-i18next";
import { EmojiPopover } from "@/components/emoji/EmojiPopover";
import { IconButton } from "@/components/IconButton";
import { Menu, type MenuItem } from "@/components/Menu";
import { showToast } from "@/components/Toast";
import { hrefOf } from "@/matrix/routes";
import { useTimeline } from "./context";
import styles from "./MessageToolbar.module.css";
import { summaryOf } from "./model/content";
import type { MessageItem } from "./model/types";

interface MessageToolbarProps {
  readonly item: MessageItem;
  /** Its menu or its picker is open: it must stay although the pointer has left the message. */
  readonly onBusy: (busy: boolean) => void;
  readonly onDone: () => void;
}

/** What can be done with a message. Shown at the one pointed at, focused or held. */
export function MessageToolbar({ item, onBusy, onDone }: MessageToolbarProps): ReactElement {
  const { t } = useTranslation("timeline");
  const { react, reply, edit, remove, askDelete, showReactions, room, viewModel } = useTimeline();
  const [picking, setPicking] = useState(false);
  const confirmed = item.delivery !== "sending";
  const editable = item.own && confirmed && item.content.kind === "text";
  const removable = confirmed && (item.own || mayRedact());
  const text = summaryOf(item.content);

  function mayRedact(): boolean {
    return room.currentState.hasSufficientPowerLevelFor("redact", room.getMember(viewModel.me)?.powerLevel ?? 0);
  }
  const pick = (open: boolean): void => {
    setPicking(open);
    onBusy(open);
  };
  const copy = (value: string): void => {
    navigator.clipboard.writeText(value).then(
      () => showToast(t("copied"), { ms: 2000 }),
      () => showToast(t("actionFailed"), { kind: "error" }),
    );
  };
  const link = new URL(hrefOf({ roomId: room.roomId, eventId: item.id }), window.location.origin).href;
  const more: MenuItem[] = [
    ...(text === "" ? [] : [{ label: t("toolbar.copy"), icon: "copy" as const, onSelect: () => copy(text) }]),
    ...(confirmed ? [{ label: t("toolbar.copyLink"), icon: "link" as const, onSelect: () => copy(link) }] : []),
    ...(item.reactions.length > 0 ? [{ label: t("toolbar.reactions"), icon: "smile" as const, onSelect: () => showReactions(item) }] : []),
    ...(removable
      ? [
          {
            label: t(item.own ? "toolbar.delete" : "toolbar.remove"),
            icon: "trash" as const,
            danger: true,
            separated: true,
            onSelect: () => (item.own ? remove(item) : askDelete(item)),
          },
        ]
      : []),
  ];
  const done = (action: () => void) => () => {
    action();
    onDone();
  };

  return (
    <div className={styles.toolbar} role="toolbar" aria-label={t("toolbar.label")} data-own={item.own || undefined}>
      <EmojiPopover
        open={picking}
        onOpenChange={pick}
        onPick={(emoji) => {
          pick(false);
          react(item, emoji);
          onDone();
        }}
      >
        <IconButton icon="smile" size="sm" label={t("toolbar.react")} disabled={!confirmed} />
      </EmojiPopover>
      <IconButton icon="reply" size="sm" label={t("toolbar.reply")} disabled={!confirmed} onClick={done(() => reply(item))} />
      {editable && <IconButton icon="edit" size="sm" label={t("toolbar.edit")} onClick={done(() => edit(item))} />}
      {more.length > 0 && (
        <Menu items={more} onOpenChange={onBusy}>
          <IconButton icon="more" size="sm" label={t("toolbar.more")} tooltip={false} />
        </Menu>
      )}
    </div>
  );
}
