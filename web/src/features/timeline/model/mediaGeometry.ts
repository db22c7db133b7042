/** The size a picture or video will have, known before a byte of it has arrived. */

export interface Box {
  readonly width: number;
  readonly height: number;
}

const MAX: Box = { width: 320, height: 360 };
const MIN: Box = { width: 120, height: 72 };
/** Assumed when the sender gave no dimensions; the picture is then shown inside it. */
const UNKNOWN: Box = { width: 264, height: 165 };

export function fitMedia(width: number | undefined, height: number | undefined): Box {
  if (!width || !height || width < 0 || height < 0) return UNKNOWN;
  const scale = Math.min(1, MAX.width / width, MAX.height / height);
  return {
    width: Math.round(Math.min(MAX.width, Math.max(MIN.width, width * scale))),
    height: Math.round(Math.min(MAX.height, Math.max(MIN.height, height * scale))),
  };
}
