import type { SocketLike } from "./StreamSocket";

/** A server's end of a WebSocket, for tests: every frame of the client goes to `answer`. */
export class FakeSocket implements SocketLike {
  onopen: (() => void) | null = null;
  onmessage: ((event: { data: unknown }) => void) | null = null;
  onclose: ((event: { code: number }) => void) | null = null;
  onerror: (() => void) | null = null;
  readonly sent: { id: string; method: string; params: Record<string, unknown> }[] = [];
  closedByClient = false;

  constructor(
    readonly url: string,
    /** The result, an error, or undefined to stay silent. */
    private readonly answer: (method: string, params: Record<string, unknown>, socket: FakeSocket) => object | undefined,
  ) {}

  accept(): void {
    this.onopen?.();
  }

  send(text: string): void {
    const frame = JSON.parse(text) as (typeof this.sent)[number];
    this.sent.push(frame);
    const reply = this.answer(frame.method, frame.params, this);
    if (reply) queueMicrotask(() => this.push({ id: frame.id, ...reply }));
  }

  push(frame: object): void {
    this.onmessage?.({ data: JSON.stringify(frame) });
  }

  break(code = 1006): void {
    this.onclose?.({ code });
  }

  close(): void {
    this.closedByClient = true;
  }

  sentOf(method: string): Record<string, unknown>[] {
    return this.sent.filter((frame) => frame.method === method).map((frame) => frame.params);
  }
}
