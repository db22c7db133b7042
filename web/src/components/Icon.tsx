import type { ReactElement, ReactNode } from "react";
import styles from "./Icon.module.css";

/** The icon set: 24-unit line drawings, stroked in the text's colour. */
const shapes = {
  search: <path d="M18 11a7 7 0 1 1-14 0 7 7 0 0 1 14 0m2 9-3.800-3.800" />,
  plus: <path d="M12 5v14M5 12h14" />,
  back: <path d="m15 5-7 7 7 7" />,
  forward: <path d="m9 5 7 7-7 7" />,
  down: <path d="m5 9 7 7 7-7" />,
  close: <path d="M6 6l12 12M18 6 6 18" />,
  check: <path d="m5 13 4.500 4.500L19 7" />,
  checks: <path d="m2 13 4 4 8-9M11 16l1 1 9-9" />,
  phone: (
    <path d="M5 4h4l1.500 5-2.300 1.500a12 12 0 0 0 5.300 5.300L15 13.500l5 1.500v4a1.500 1.500 0 0 1-1.700 1.500A16 16 0 0 1 3.500 5.700 1.500 1.500 0 0 1 5 4Z" />
  ),
  video: (
    <>
      <rect x="3" y="6" width="12" height="12" rx="3" />
      <path d="m15 11 6-3v8l-6-3" />
    </>
  ),
  panel: (
    <>
      <rect x="3" y="4" width="18" height="16" rx="3" />
      <path d="M15 4v16" />
    </>
  ),
  clip: (
    <path d="m20 11-8.500 8.500a5 5 0 0 1-7-7L13 4a3.300 3.300 0 0 1 4.700 4.700l-8.500 8.500a1.700 1.700 0 0 1-2.400-2.400L14.500 7" />
  ),
  smile: (
    <>
      <circle cx="12" cy="12" r="9" />
      <path d="M8.500 14.500a4.500 4.500 0 0 0 7 0M9 9.500h.01M15 9.500h.01" />
    </>
  ),
  mic: (
    <>
      <rect x="9" y="3" width="6" height="11" rx="3" />
      <path d="M5.500 11.500a6.500 6.500 0 0 0 13 0M12 18v3" />
    </>
  ),
  send: <path d="M12 19V5M5.500 11.500 12 5l6.500 6.500" />,
  bell: <path d="M6 10a6 6 0 0 1 12 0c0 5 2 6 2 6H4s2-1 2-6M10 20h4" />,
  bellOff: <path d="M8.500 5.200A6 6 0 0 1 18 10c0 2.400.5 3.900 1 4.800M16 16H4s2-1 2-6c0-.7.1-1.300.3-1.900M10 20h4M4 3l16 18" />,
  invite: (
    <>
      <circle cx="10" cy="8" r="4" />
      <path d="M3 20a7 7 0 0 1 14 0M19 8v6M16 11h6" />
    </>
  ),
  person: (
    <>
      <circle cx="12" cy="8" r="4" />
      <path d="M5 20a7 7 0 0 1 14 0" />
    </>
  ),
  people: (
    <>
      <circle cx="9" cy="8" r="3.500" />
      <path d="M2.500 19a6.500 6.500 0 0 1 13 0M16 5a3.500 3.500 0 0 1 0 6.500M18.500 14a6.500 6.500 0 0 1 3 5" />
    </>
  ),
  chat: <path d="M12 4c5 0 8.500 3.200 8.500 7.300S17 18.600 12 18.600c-.9 0-1.800-.1-2.600-.3L5 20l.9-3.400c-1.500-1.300-2.400-3.200-2.400-5.300C3.500 7.200 7 4 12 4Z" />,
  pin: <path d="M9 4h6l-1 6 3 3H7l3-3-1-6ZM12 13v7" />,
  more: <path d="M5 12h.01M12 12h.01M19 12h.01" />,
  reply: <path d="M10 6 4 12l6 6M4 12h9a7 7 0 0 1 7 7" />,
  thread: <path d="M4 5h16v11H11l-4 4v-4H4ZM8 9h8M8 12h5" />,
  edit: <path d="M4 20h4L19 9l-4-4L4 16ZM13.500 6.500l4 4" />,
  trash: <path d="M5 7h14M10 7V4h4v3M7 7l1 13h8l1-13M10.500 11v5M13.500 11v5" />,
  copy: (
    <>
      <rect x="8" y="8" width="12" height="12" rx="2.500" />
      <path d="M16 8V6a2 2 0 0 0-2-2H6a2 2 0 0 0-2 2v8a2 2 0 0 0 2 2h2" />
    </>
  ),
  link: <path d="M10 14a4 4 0 0 0 6 .5l3-3a4 4 0 0 0-5.700-5.700L12 7M14 10a4 4 0 0 0-6-.5l-3 3a4 4 0 0 0 5.700 5.700L12 17" />,
  download: <path d="M12 4v11M7 10.500l5 5 5-5M5 20h14" />,
  upload: <path d="M12 16V5M7 9.500l5-5 5 5M5 20h14" />,
  file: <path d="M6 3h8l5 5v13H6ZM14 3v5h5" />,
  image: (
    <>
      <rect x="3" y="4" width="18" height="16" rx="3" />
      <path d="m4 18 5-6 4 4 3-3 4 4M15.500 8.500h.01" />
    </>
  ),
  camera: (
    <>
      <path d="M4 8h3l2-3h6l2 3h3v11H4Z" />
      <circle cx="12" cy="13" r="3.500" />
    </>
  ),
  play: <path d="M8 5v14l11-7Z" />,
  pause: <path d="M8 5v14M16 5v14" />,
  retry: <path d="M19 12a7 7 0 1 1-2-4.900M19 4v4h-4" />,
  alert: <path d="M12 8v5M12 16.500h.01M12 3 2.500 20h19Z" />,
  clock: (
    <>
      <circle cx="12" cy="12" r="8.500" />
      <path d="M12 7.500V12l3 2" />
    </>
  ),
  settings: (
    <>
      <path d="M4 7h9M19 7h1M4 17h1M11 17h9" />
      <circle cx="16" cy="7" r="2.500" />
      <circle cx="8" cy="17" r="2.500" />
    </>
  ),
  logout: <path d="M10 4H5v16h5M15 8l4 4-4 4M19 12H9.500" />,
  eye: (
    <>
      <path d="M2 12s3.500-6.500 10-6.500S22 12 22 12s-3.500 6.500-10 6.500S2 12 2 12Z" />
      <circle cx="12" cy="12" r="3" />
    </>
  ),
  eyeOff: <path d="M9.500 5.800A10 10 0 0 1 12 5.500c6.500 0 10 6.500 10 6.500a17 17 0 0 1-2.700 3.500M6.500 7.500A16 16 0 0 0 2 12s3.500 6.500 10 6.500a10 10 0 0 0 4.500-1.100M4 4l16 16M10 10a3 3 0 0 0 4 4" />,
  sun: (
    <>
      <circle cx="12" cy="12" r="4" />
      <path d="M12 3v2M12 19v2M3 12h2M19 12h2M5.600 5.600 7 7M17 17l1.400 1.400M5.600 18.400 7 17M17 7l1.400-1.400" />
    </>
  ),
  moon: <path d="M20 14.500A8.500 8.500 0 0 1 9.500 4a8.500 8.500 0 1 0 10.500 10.500Z" />,
  monitor: (
    <>
      <rect x="3" y="4" width="18" height="13" rx="2.500" />
      <path d="M9 21h6M12 17v4" />
    </>
  ),
  device: (
    <>
      <rect x="7" y="3" width="10" height="18" rx="2.500" />
      <path d="M11 17.500h2" />
    </>
  ),
  lock: (
    <>
      <rect x="5" y="10" width="14" height="10" rx="2.500" />
      <path d="M8 10V7.500a4 4 0 0 1 8 0V10" />
    </>
  ),
  compass: (
    <>
      <circle cx="12" cy="12" r="9" />
      <path d="m15.500 8.500-2 5-5 2 2-5Z" />
    </>
  ),
  hash: <path d="M9 4 7 20M17 4l-2 16M4 9h16M4 15h16" />,
  ban: (
    <>
      <circle cx="12" cy="12" r="9" />
      <path d="m5.700 5.700 12.600 12.600" />
    </>
  ),
  shield: <path d="M12 3 5 6v5c0 4.500 3 8 7 10 4-2 7-5.500 7-10V6Z" />,
  mail: (
    <>
      <rect x="3" y="5" width="18" height="14" rx="3" />
      <path d="m4 8 8 6 8-6" />
    </>
  ),
} satisfies Record<string, ReactNode>;

export type IconName = keyof typeof shapes;

/** A drawing without a name of its own: the control it stands in carries the label. */
export function Icon({ name, size = 20 }: { name: IconName; size?: number }): ReactElement {
  return (
    <svg className={styles.icon} width={size} height={size} viewBox="0 0 24 24" aria-hidden="true" focusable="false">
      {shapes[name]}
    </svg>
  );
}
