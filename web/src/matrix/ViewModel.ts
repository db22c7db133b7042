import { useSyncExternalStore } from "react";

/**
 * Turns events of the SDK into an immutable snapshot for React.
 * Subclasses attach their listeners in `start` and detach them in `stop`; both are called
 * only while somebody watches, so an unmounted view costs nothing. `start` must bring the
 * snapshot up to date, because events were missed while nobody watched.
 */
export abstract class ViewModel<Snapshot> {
  private readonly listeners = new Set<() => void>();
  private snapshot: Snapshot;

  protected constructor(initial: Snapshot) {
    this.snapshot = initial;
  }

  protected abstract start(): void;
  protected abstract stop(): void;

  readonly subscribe = (listener: () => void): (() => void) => {
    this.listeners.add(listener);
    if (this.listeners.size === 1) this.start();
    return () => {
      if (this.listeners.delete(listener) && this.listeners.size === 0) this.stop();
    };
  };

  readonly getSnapshot = (): Snapshot => this.snapshot;

  /** Publishes a new snapshot; the same object publishes nothing. */
  protected set(next: Snapshot): void {
    if (Object.is(next, this.snapshot)) return;
    this.snapshot = next;
    this.listeners.forEach((listener) => listener());
  }
}

/** The view model's snapshot, re-rendering when it changes. */
export function useViewModel<Snapshot>(viewModel: ViewModel<Snapshot>): Snapshot {
  return useSyncExternalStore(viewModel.subscribe, viewModel.getSnapshot);
}
