import { useState } from "react";
import type { ReactElement } from "react";
import { useTranslation } from "react-i18next";
import { EmojiPopover } from "@/components/emoji/EmojiPopover";
import { IconButton } from "@/components/IconButton";
import { Menu, type MenuItem } from "@/components/Menu";
import { showToast } from "@/components/Toast";
import { useTimeline } from "./context";
import styles from "./MessageToolbar.module.css";
import { summaryOf } from "./model/content";
import type { MessageItem } from "./model/types";

/** What can be done with a message. Shown at the one pointed at, focused or held. */
export function MessageToolbar({ item, onDone }: { item: MessageItem; onDone: () => void }): ReactElement {
  const { t } = useTranslation("timeline");
  const { react, reply, edit, askDelete, room, viewModel } = useTimeline();
  const [picking, setPicking] = useState(false);
  const confirmed = item.delivery !== "sending";
  const editable = item.own && confirmed && item.content.kind === "text";
  const removable = confirmed && (item.own || mayRedact());
  const text = summaryOf(item.content);

  function mayRedact(): boolean {
    return room.currentState.hasSufficientPowerLevelFor("redact", room.getMember(viewModel.me)?.powerLevel ?? 0);
  }
  const copy = (value: string): void => {
    navigator.clipboard.writeText(value).then(
      () => showToast(t("copied"), { ms: 2000 }),
      () => showToast(t("actionFailed"), { kind: "error" }),
    );
  };
  const more: MenuItem[] = [
    ...(text === "" ? [] : [{ label: t("toolbar.copy"), icon: "copy" as const, onSelect: () => copy(text) }]),
    { label: t("toolbar.copyLink"), icon: "link", onSelect: () => copy(`https://matrix.to/#/${room.roomId}/${item.id}`) },
    ...(removable
      ? [{ label: t("toolbar.delete"), icon: "trash" as const, danger: true, separated: true, onSelect: () => askDelete(item) }]
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
        onOpenChange={setPicking}
        onPick={(emoji) => {
          setPicking(false);
          react(item, emoji);
          onDone();
        }}
      >
        <IconButton icon="smile" size="sm" label={t("toolbar.react")} disabled={!confirmed} />
      </EmojiPopover>
      <IconButton icon="reply" size="sm" label={t("toolbar.reply")} disabled={!confirmed} onClick={done(() => reply(item))} />
      {editable && <IconButton icon="edit" size="sm" label={t("toolbar.edit")} onClick={done(() => edit(item))} />}
      <Menu items={more}>
        <IconButton icon="more" size="sm" label={t("toolbar.more")} tooltip={false} />
      </Menu>
    </div>
  );
}
