import { useRef } from "react";
import type { ReactElement, ReactNode } from "react";
import { Icon } from "./Icon";
import { Menu } from "./Menu";
import styles from "./PicturePicker.module.css";
import { Spinner } from "./Spinner";
import { VisuallyHidden } from "./VisuallyHidden";

export interface PicturePickerProps {
  /** An avatar showing the present picture. */
  children: ReactNode;
  /** The accessible name of the button: what picture it changes. */
  label: string;
  chooseLabel: string;
  removeLabel: string;
  /** Whether there is a picture to remove. */
  present: boolean;
  busy?: boolean;
  onPick: (file: File) => void;
  onRemove: () => void;
}

/** A picture that can be changed by pressing it. */
export function PicturePicker({ children, label, chooseLabel, removeLabel, present, busy = false, onPick, onRemove }: PicturePickerProps): ReactElement {
  const input = useRef<HTMLInputElement>(null);
  const button = (
    <button type="button" className={styles.picker} aria-busy={busy} onClick={present ? undefined : () => input.current?.click()}>
      <VisuallyHidden>{label}</VisuallyHidden>
      <span aria-hidden="true">{children}</span>
      <span className={styles.mark}>{busy ? <Spinner size={16} /> : <Icon name="camera" size={16} />}</span>
    </button>
  );
  return (
    <>
      {present ? (
        <Menu
          align="center"
          items={[
            { label: chooseLabel, icon: "image", onSelect: () => input.current?.click() },
            { label: removeLabel, icon: "trash", danger: true, onSelect: onRemove },
          ]}
        >
          {button}
        </Menu>
      ) : (
        button
      )}
      <input
        ref={input}
        type="file"
        accept="image/*"
        hidden
        aria-label={label}
        onChange={(event) => {
          const file = event.target.files?.[0];
          if (file) onPick(file);
          event.target.value = "";
        }}
      />
    </>
  );
}
