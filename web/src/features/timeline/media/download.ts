import type { MatrixClient } from "matrix-js-sdk";
import { fetchMedia } from "@/matrix/media";
import { ownFileUrl } from "@/matrix/uploads";
import type { MediaFacts } from "@/features/timeline/model/types";

/** Saves a file under its own name. */
export async function saveMedia(client: MatrixClient, media: MediaFacts): Promise<void> {
  const own = ownFileUrl(media.mxc);
  const url = own ?? URL.createObjectURL(await fetchMedia(client, media.mxc));
  const link = document.createElement("a");
  link.href = url;
  link.download = media.name;
  link.click();
  // The browser reads the address after this turn of the event loop.
  if (own === undefined) setTimeout(() => URL.revokeObjectURL(url), 60_000);
}
