import type { CSSProperties, ReactElement } from "react";
import styles from "./Skeleton.module.css";
import { classes } from "./classes";

export interface SkeletonProps {
  width?: number | string;
  height?: number | string;
  shape?: "line" | "circle" | "square" | "bubble";
  className?: string;
}

/** A grey shape of the same geometry as what is loading. */
export function Skeleton({ width, height = "0.8em", shape = "line", className }: SkeletonProps): ReactElement {
  const style: CSSProperties = { inlineSize: width ?? "100%", blockSize: height };
  return <span aria-hidden="true" className={classes(styles.skeleton, styles[shape], className)} style={style} />;
}
