import type { ReactElement } from "react";
import { Skeleton } from "@/components/Skeleton";
import { VisuallyHidden } from "@/components/VisuallyHidden";
import styles from "./SkeletonRows.module.css";

const SHAPES = [220, 320, 160, 280];

/** Bubbles that are still loading. */
export function SkeletonRows({ label }: { label: string }): ReactElement {
  return (
    <div className={styles.rows}>
      <VisuallyHidden>{label}</VisuallyHidden>
      {SHAPES.map((width, i) => (
        <div key={width} className={styles.row} data-own={i === 2 || undefined}>
          {i !== 2 && <Skeleton shape="circle" width={32} height={32} />}
          <Skeleton shape="bubble" width={width} height={38} />
        </div>
      ))}
    </div>
  );
}
