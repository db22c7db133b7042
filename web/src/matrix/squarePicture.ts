/** Pictures of people and rooms: made square and small, then uploaded. */
import type { MatrixClient } from "matrix-js-sdk";

const SIZE = 512;

/** A picture cropped to its middle square and scaled down, so that a face costs kilobytes, not megabytes. */
export async function squarePicture(file: Blob): Promise<Blob> {
  const bitmap = await createImageBitmap(file);
  const side = Math.min(bitmap.width, bitmap.height);
  const target = Math.min(side, SIZE);
  const canvas = document.createElement("canvas");
  canvas.width = canvas.height = target;
  canvas.getContext("2d")?.drawImage(bitmap, (bitmap.width - side) / 2, (bitmap.height - side) / 2, side, side, 0, 0, target, target);
  bitmap.close();
  return new Promise((resolve, reject) =>
    canvas.toBlob((blob) => (blob ? resolve(blob) : reject(new Error("the picture could not be encoded"))), "image/webp", 0.9),
  );
}

/** Uploads a picture for a person or room; returns its mxc: address. */
export async function uploadPicture(client: MatrixClient, file: Blob): Promise<string> {
  const picture = await squarePicture(file);
  const { content_uri } = await client.uploadContent(picture, { type: picture.type, includeFilename: false });
  return content_uri;
}
