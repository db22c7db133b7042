import type { ReactElement } from "react";
import { Skeleton } from "./Skeleton";
import styles from "./SkeletonList.module.css";

export interface SkeletonListProps {
  rows: number;
  /** The avatar's pixels. */
  size?: number;
  shape?: "circle" | "square" | "mixed";
  /** Lines of text beside it. */
  lines?: 1 | 2;
}

/** Rows of a list that is still loading, in the geometry they will have. */
export function SkeletonList({ rows, size = 44, shape = "circle", lines = 2 }: SkeletonListProps): ReactElement {
  return (
    <div className={styles.list} aria-hidden="true">
      {Array.from({ length: rows }, (_, row) => (
        <div key={row} className={styles.row} style={{ gridTemplateColumns: `${size}px 1fr`, minBlockSize: size + 18 }}>
          <Skeleton shape={shape === "mixed" ? (row % 3 ? "circle" : "square") : shape} width={size} height={size} />
          <div>
            <Skeleton width={`${40 + ((row * 17) % 35)}%`} />
            {lines === 2 && <Skeleton width={`${58 + ((row * 13) % 35)}%`} />}
          </div>
        </div>
      ))}
    </div>
  );
}
