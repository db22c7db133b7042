import * as RadixContextMenu from "@radix-ui/react-context-menu";
import * as RadixDropdown from "@radix-ui/react-dropdown-menu";
import type { ReactElement } from "react";
import { Icon } from "./Icon";
import type { IconName } from "./Icon";
import styles from "./Menu.module.css";
import { classes } from "./classes";

export interface MenuItem {
  label: string;
  icon?: IconName;
  onSelect: () => void;
  danger?: boolean;
  disabled?: boolean;
  /** Draws a line above. */
  separated?: boolean;
}

export interface MenuProps {
  items: MenuItem[];
  /** One focusable element. */
  children: ReactElement;
  onOpenChange?: (open: boolean) => void;
}

/** Opens at its button. Not modal: the modal kind injects a <style> element, which our content security policy forbids. */
export function Menu({ items, children, onOpenChange, align = "end" }: MenuProps & { align?: "start" | "center" | "end" }): ReactElement {
  return (
    <RadixDropdown.Root modal={false} {...(onOpenChange ? { onOpenChange } : {})}>
      <RadixDropdown.Trigger asChild>{children}</RadixDropdown.Trigger>
      <RadixDropdown.Portal>
        <RadixDropdown.Content className={styles.menu} align={align} sideOffset={6} collisionPadding={8} loop>
          {items.map((item) => (
            <RadixDropdown.Item key={item.label} className={itemClass(item)} disabled={item.disabled ?? false} onSelect={item.onSelect}>
              <Row item={item} />
            </RadixDropdown.Item>
          ))}
        </RadixDropdown.Content>
      </RadixDropdown.Portal>
    </RadixDropdown.Root>
  );
}

/** Opens at the pointer on a right click, long press or the menu key. */
export function ContextMenu({ items, children }: MenuProps): ReactElement {
  return (
    <RadixContextMenu.Root modal={false}>
      <RadixContextMenu.Trigger asChild>{children}</RadixContextMenu.Trigger>
      <RadixContextMenu.Portal>
        <RadixContextMenu.Content className={styles.menu} collisionPadding={8} loop>
          {items.map((item) => (
            <RadixContextMenu.Item key={item.label} className={itemClass(item)} disabled={item.disabled ?? false} onSelect={item.onSelect}>
              <Row item={item} />
            </RadixContextMenu.Item>
          ))}
        </RadixContextMenu.Content>
      </RadixContextMenu.Portal>
    </RadixContextMenu.Root>
  );
}

function itemClass(item: MenuItem): string {
  return classes(styles.item, item.danger && styles.danger, item.separated && styles.separated);
}

function Row({ item }: { item: MenuItem }): ReactElement {
  return (
    <>
      {item.icon && <Icon name={item.icon} size={18} />}
      <span>{item.label}</span>
    </>
  );
}
