import { useState } from "react";
import type { CSSProperties, ReactElement } from "react";
import { useTranslation } from "react-i18next";
import styles from "./Avatar.module.css";
import { classes } from "./classes";
import { hueOf, initialsOf } from "./hue";

export type PresenceDot = "online" | "idle" | "offline";

export interface AvatarProps {
  /** The user or room id: gives the colour. */
  id: string;
  name: string;
  /** A ready image address (a blob: URL of authenticated media). */
  src?: string | undefined;
  /** Pixels. */
  size?: number;
  /** People are circles, rooms are rounded squares. */
  shape?: "person" | "room";
  presence?: PresenceDot | undefined;
  className?: string;
}

/** A face or initials. Decorative: whoever uses it shows or says the name beside it. */
export function Avatar({ id, name, src, size = 44, shape = "person", presence, className }: AvatarProps): ReactElement {
  const { t } = useTranslation("components");
  const [broken, setBroken] = useState<string>();
  const style = { "--h": hueOf(id), "--size": `${size / 16}rem`, "--dot": `${size >= 40 ? 12 : 10}px` } as CSSProperties;
  const shown = presence === "online" || presence === "idle";
  return (
    <span className={classes(styles.avatar, shape === "room" && styles.room, className)} style={style}>
      {src && src !== broken ? (
        <img className={styles.image} src={src} alt="" draggable={false} onError={() => setBroken(src)} />
      ) : (
        <span aria-hidden="true">{initialsOf(name)}</span>
      )}
      {shown && <span className={styles.dot} data-presence={presence} role="img" aria-label={t(presence)} />}
    </span>
  );
}
