import * as Popover from "@radix-ui/react-popover";
import { lazy, Suspense, useRef } from "react";
import type { ReactElement } from "react";
import { useTranslation } from "react-i18next";
import styles from "./EmojiPopover.module.css";

const EmojiPicker = lazy(() => import("./EmojiPicker"));

export interface EmojiPopoverProps {
  readonly open: boolean;
  readonly onOpenChange: (open: boolean) => void;
  readonly onPick: (emoji: string) => void;
  /** Called instead of giving the focus back to the button, when an emoji was picked. */
  readonly onPicked?: (() => void) | undefined;
  /** The button it opens at. */
  readonly children: ReactElement;
}

/** The emoji picker at a button. */
export function EmojiPopover({ open, onOpenChange, onPick, onPicked, children }: EmojiPopoverProps): ReactElement {
  const { t } = useTranslation("components");
  const picked = useRef(false);
  return (
    <Popover.Root open={open} onOpenChange={onOpenChange}>
      <Popover.Trigger asChild>{children}</Popover.Trigger>
      <Popover.Portal>
        <Popover.Content
          className={styles.popover}
          side="top"
          align="end"
          sideOffset={8}
          collisionPadding={8}
          aria-label={t("emoji.title")}
          onCloseAutoFocus={(event) => {
            const chosen = picked.current;
            picked.current = false;
            if (!chosen || !onPicked) return;
            event.preventDefault();
            onPicked();
          }}
        >
          <Suspense fallback={<div className={styles.loading} />}>
            <EmojiPicker
              onPick={(emoji) => {
                picked.current = true;
                onPick(emoji);
              }}
            />
          </Suspense>
        </Popover.Content>
      </Popover.Portal>
    </Popover.Root>
  );
}
