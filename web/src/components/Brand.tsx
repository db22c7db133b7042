import type { ReactElement } from "react";

/** The mark: a bound book with a ribbon. */
export function BrandMark({ size = 24 }: { size?: number }): ReactElement {
  return (
    <svg width={size} height={size} viewBox="0 0 24 24" aria-hidden="true" focusable="false">
      <path d="M4 5.500A2.500 2.500 0 0 1 6.500 3H20v13H6.500A2.500 2.500 0 0 0 4 18.500Z" fill="var(--accent)" />
      <path d="M4 18.500A2.500 2.500 0 0 1 6.500 16H20v5H6.500A2.500 2.500 0 0 1 4 18.500Z" fill="var(--accent)" opacity=".45" />
      <path d="M14 3v8l-2-1.600L10 11V3" fill="var(--paper)" />
    </svg>
  );
}
