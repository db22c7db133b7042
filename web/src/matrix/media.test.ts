import { expect, test, vi } from "vitest";
import { MediaCache, mediaEndpoint } from "./media";

test("media addresses are the authenticated endpoints, and nothing else is accepted", () => {
  expect(mediaEndpoint("https://x", "mxc://h/abc")).toBe("https://x/_matrix/client/v1/media/download/h/abc");
  expect(mediaEndpoint("https://x/", "mxc://h/abc", { width: 32, height: 32, method: "crop" }, 2)).toBe(
    "https://x/_matrix/client/v1/media/thumbnail/h/abc?width=64&height=64&method=crop",
  );
  expect(mediaEndpoint("https://x", "https://evil/a.png")).toBeUndefined();
  expect(mediaEndpoint("https://x", "mxc://h/../../admin")).toBeUndefined();
});

test("one picture shown twice is loaded once, and revoked only when nobody shows it", async () => {
  let n = 0;
  const create = vi.spyOn(URL, "createObjectURL").mockImplementation(() => `blob:${++n}`);
  const revoke = vi.spyOn(URL, "revokeObjectURL").mockImplementation(() => {});
  const load = vi.fn(async () => new Blob(["x"]));
  const cache = new MediaCache(load, 1);
  const one = cache.acquire("mxc://h/a");
  const two = cache.acquire("mxc://h/a");
  expect(await one.promise).toBe(await two.promise);
  expect(load).toHaveBeenCalledOnce();
  const other = cache.acquire("mxc://h/b");
  await other.promise;
  one.release();
  expect(revoke).not.toHaveBeenCalled();
  two.release();
  expect(revoke).toHaveBeenCalledExactlyOnceWith("blob:1");
  expect(create).toHaveBeenCalledTimes(2);
});

test("a failed download is tried again", async () => {
  const load = vi.fn<() => Promise<Blob>>().mockRejectedValueOnce(new Error("no")).mockResolvedValue(new Blob());
  const cache = new MediaCache(load);
  await expect(cache.acquire("mxc://h/a").promise).rejects.toThrow("no");
  await expect(cache.acquire("mxc://h/a").promise).resolves.toMatch(/^blob:/);
});
