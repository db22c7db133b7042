import type { MatrixClient } from "matrix-js-sdk";
import { useEffect, useState } from "react";

const limits = new WeakMap<MatrixClient, Promise<number | undefined>>();

/** The largest file the server takes, bytes; undefined while unknown or when there is none. */
export function useUploadLimit(client: MatrixClient): number | undefined {
  const [limit, setLimit] = useState<number>();
  useEffect(() => {
    let promise = limits.get(client);
    if (!promise) {
      promise = client.getMediaConfig(true).then((config) => config["m.upload.size"]);
      limits.set(client, promise);
      promise.catch(() => limits.delete(client));
    }
    let here = true;
    // Unknown is no obstacle: the server has the last word.
    promise.then((bytes) => here && setLimit(bytes)).catch(() => undefined);
    return () => {
      here = false;
    };
  }, [client]);
  return limit;
}
