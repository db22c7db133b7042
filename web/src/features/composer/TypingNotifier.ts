/** Tells the room that somebody is typing: at most every few seconds, and once when they stop. */

const REPEAT_MS = 4000;
const PAUSE_MS = 5000;
export const TYPING_TIMEOUT_MS = 10_000;

export class TypingNotifier {
  private toldAt = -Infinity;
  private idle: ReturnType<typeof setTimeout> | undefined;

  constructor(
    private readonly tell: (typing: boolean) => void,
    private readonly now: () => number = Date.now,
  ) {}

  typed(): void {
    clearTimeout(this.idle);
    this.idle = setTimeout(() => this.stop(), PAUSE_MS);
    if (this.now() - this.toldAt < REPEAT_MS) return;
    this.toldAt = this.now();
    this.tell(true);
  }

  stop(): void {
    clearTimeout(this.idle);
    if (this.toldAt === -Infinity) return;
    this.toldAt = -Infinity;
    this.tell(false);
  }
}
