/** Looks into a file before it is sent: its kind, dimensions, a small version, a blurred impression. */
import { encode } from "blurhash";
import type { UploadDraft } from "./uploads";

const THUMB = { width: 800, height: 600 };
const BLUR_PX = 32;
/** Smaller pictures are their own thumbnail. */
const THUMB_FROM_BYTES = 200_000;

export function kindOf(mime: string): UploadDraft["kind"] {
  if (/^image\/(?:png|jpe?g|gif|webp|avif|apng)$/u.test(mime)) return "image";
  if (mime.startsWith("video/")) return "video";
  if (mime.startsWith("audio/")) return "audio";
  return "file";
}

/** What the browser cannot read is sent as a plain file. */
export async function examine(file: File): Promise<UploadDraft> {
  const mime = file.type || "application/octet-stream";
  const base: UploadDraft = { file, name: file.name || "file", mime, kind: kindOf(mime) };
  try {
    if (base.kind === "image") return { ...base, ...(await examineImage(file)) };
    if (base.kind === "video") return { ...base, ...(await examineVideo(file)) };
    if (base.kind === "audio") return { ...base, durationMs: await durationOf(file) };
    return base;
  } catch {
    return { ...base, kind: "file" };
  }
}

async function examineImage(file: File): Promise<Partial<UploadDraft>> {
  const bitmap = await createImageBitmap(file);
  try {
    const { width, height } = bitmap;
    const still = file.type !== "image/gif" && file.size > THUMB_FROM_BYTES;
    const thumbnail = still ? await shrink(bitmap, width, height) : undefined;
    return { width, height, blurhash: blur(bitmap), thumbnail };
  } finally {
    bitmap.close();
  }
}

async function examineVideo(file: File): Promise<Partial<UploadDraft>> {
  const video = document.createElement("video");
  const url = URL.createObjectURL(file);
  try {
    video.muted = true;
    video.preload = "auto";
    video.src = url;
    await once(video, "loadeddata");
    // The very first frame is often black.
    video.currentTime = Math.min(1, video.duration / 4 || 0);
    await once(video, "seeked");
    const { videoWidth: width, videoHeight: height } = video;
    const thumbnail = await shrink(video, width, height);
    return { width, height, blurhash: blur(video), thumbnail, durationMs: known(video.duration) };
  } finally {
    URL.revokeObjectURL(url);
  }
}

/** A recording that this browser cannot play may play elsewhere, so it stays one. */
async function durationOf(file: File): Promise<number | undefined> {
  const audio = document.createElement("audio");
  const url = URL.createObjectURL(file);
  try {
    audio.preload = "metadata";
    audio.src = url;
    await once(audio, "loadedmetadata");
    return known(audio.duration);
  } catch {
    return undefined;
  } finally {
    URL.revokeObjectURL(url);
  }
}

/** What a browser records has no length in its head, and seems endless. */
function known(seconds: number): number | undefined {
  return Number.isFinite(seconds) ? Math.round(seconds * 1000) : undefined;
}

async function shrink(source: CanvasImageSource, width: number, height: number): Promise<UploadDraft["thumbnail"]> {
  const scale = Math.min(1, THUMB.width / width, THUMB.height / height);
  const canvas = new OffscreenCanvas(Math.max(1, Math.round(width * scale)), Math.max(1, Math.round(height * scale)));
  canvas.getContext("2d")?.drawImage(source, 0, 0, canvas.width, canvas.height);
  const blob = await canvas.convertToBlob({ type: "image/webp", quality: 0.8 });
  return { blob, width: canvas.width, height: canvas.height };
}

function blur(source: CanvasImageSource): string | undefined {
  const context = new OffscreenCanvas(BLUR_PX, BLUR_PX).getContext("2d");
  if (!context) return undefined;
  context.drawImage(source, 0, 0, BLUR_PX, BLUR_PX);
  return encode(context.getImageData(0, 0, BLUR_PX, BLUR_PX).data, BLUR_PX, BLUR_PX, 4, 3);
}

const PATIENCE_MS = 8000;

function once(target: HTMLMediaElement, type: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error("the file cannot be read")), PATIENCE_MS);
    const end = (then: () => void) => () => {
      clearTimeout(timer);
      then();
    };
    target.addEventListener(type, end(resolve), { once: true });
    target.addEventListener("error", end(() => reject(new Error("the file cannot be read"))), { once: true });
  });
}
