import { useCallback, useEffect, useState } from "react";

export type Loaded<T> = { state: "loading"; data: T | undefined } | { state: "done"; data: T } | { state: "failed"; error: unknown; data: T | undefined };

/** Runs `load` whenever it changes; late answers of an older run are dropped. `load` must be memoised. */
export function useLoad<T>(load: () => Promise<T>): Loaded<T> & { retry: () => void } {
  const [attempt, setAttempt] = useState(0);
  const [result, setResult] = useState<{ load: unknown; attempt: number; value: Loaded<T> }>();
  useEffect(() => {
    let current = true;
    const put = (value: Loaded<T>): void => {
      if (current) setResult({ load, attempt, value });
    };
    load().then(
      (data) => put({ state: "done", data }),
      (error: unknown) => put({ state: "failed", error, data: undefined }),
    );
    return () => {
      current = false;
    };
  }, [load, attempt]);
  const retry = useCallback(() => setAttempt((n) => n + 1), []);
  const fresh = result?.load === load && result.attempt === attempt;
  const value: Loaded<T> = fresh ? result.value : { state: "loading", data: result?.value.data };
  return { ...value, retry };
}
