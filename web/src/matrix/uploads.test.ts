import type { MatrixClient } from "matrix-js-sdk";
import { describe, expect, it, vi } from "vitest";
import { ownFileUrl, UploadQueue, type UploadDraft } from "./uploads";

interface Call {
  name: string;
  finish: (mxc: string) => void;
  fail: (error: unknown) => void;
  progress: (loaded: number, total: number) => void;
  signal: AbortSignal;
}

function setUp() {
  const calls: Call[] = [];
  const sent: { roomId: string; content: Record<string, unknown>; txnId: string }[] = [];
  let txn = 0;
  const client = {
    makeTxnId: () => `t${++txn}`,
    uploadContent: (_: Blob, o: { name: string; abortController: AbortController; progressHandler: (p: { loaded: number; total: number }) => void }) =>
      new Promise((resolve, reject) => {
        o.abortController.signal.addEventListener("abort", () => reject(new DOMException("", "AbortError")));
        calls.push({
          name: o.name,
          finish: (content_uri) => resolve({ content_uri }),
          fail: reject,
          progress: (loaded, total) => o.progressHandler({ loaded, total }),
          signal: o.abortController.signal,
        });
      }),
    sendMessage: vi.fn((roomId: string, content: Record<string, unknown>, txnId: string) => {
      sent.push({ roomId, content, txnId });
      return Promise.resolve({ event_id: "$1" });
    }),
  };
  return { queue: new UploadQueue(client as unknown as MatrixClient), calls, sent };
}

const draft = (name: string, more: Partial<UploadDraft> = {}): UploadDraft => ({
  file: new Blob(["12345"], { type: "image/png" }),
  name,
  mime: "image/png",
  kind: "image",
  width: 40,
  height: 30,
  ...more,
});
const settle = () => new Promise((resolve) => setTimeout(resolve));

describe("UploadQueue", () => {
  it("sends files one after another, in the order they were picked, under the upload's own id", async () => {
    const { queue, calls, sent } = setUp();
    queue.add("!r", [draft("a.png", { caption: "look" }), draft("b.png")]);
    const [a, b] = queue.of("!r");
    expect(calls.map((c) => c.name)).toEqual(["a.png"]);
    calls[0]?.finish("mxc://x/a");
    await settle();
    expect(calls.map((c) => c.name)).toEqual(["a.png", "b.png"]);
    calls[1]?.finish("mxc://x/b");
    await settle();
    expect(sent.map((s) => s.txnId)).toEqual([a?.id, b?.id]);
    expect(sent[0]?.content).toMatchObject({ body: "look", filename: "a.png", url: "mxc://x/a", info: { w: 40, h: 30, size: 5 } });
    expect(queue.of("!r")).toEqual([]);
    expect(ownFileUrl("mxc://x/a")).toBe(a?.preview);
  });

  it("reports real progress", () => {
    const { queue, calls } = setUp();
    queue.add("!r", [draft("a.png")]);
    calls[0]?.progress(3, 12);
    expect(queue.of("!r")[0]).toMatchObject({ state: "uploading", progress: 0.25 });
  });

  it("keeps a failed upload for retry, with the reason, and goes on with the next", async () => {
    const { queue, calls, sent } = setUp();
    queue.add("!r", [draft("a.png"), draft("b.png")]);
    calls[0]?.fail(Object.assign(new Error("no"), { errcode: "M_TOO_LARGE" }));
    await settle();
    expect(queue.of("!r")[0]).toMatchObject({ state: "failed", failure: "M_TOO_LARGE" });
    calls[1]?.finish("mxc://x/b");
    await settle();
    queue.retry(queue.of("!r")[0]?.id ?? "");
    calls[2]?.finish("mxc://x/a");
    await settle();
    expect(sent.map((s) => s.content["filename"])).toEqual(["b.png", "a.png"]);
  });

  it("sends nothing after a cancel, not even when the upload had just finished", async () => {
    const { queue, calls, sent } = setUp();
    queue.add("!r", [draft("a.png")]);
    calls[0]?.finish("mxc://x/a");
    queue.cancel(queue.of("!r")[0]?.id ?? "");
    await settle();
    expect(calls[0]?.signal.aborted).toBe(true);
    expect(sent).toEqual([]);
    expect(queue.of("!r")).toEqual([]);
  });
});
