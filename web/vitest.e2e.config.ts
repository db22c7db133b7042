import { defineConfig } from "vitest/config";

// Browser tests: they start the real server and drive the real Chromium, so they run one after another.
export default defineConfig({
  test: {
    environment: "node",
    include: ["e2e/**/*.e2e.ts"],
    testTimeout: 120_000,
    hookTimeout: 120_000,
    fileParallelism: false,
    maxWorkers: 1,
    // A machine that stalls for seconds fails a test of what is on the screen at a moment; a real fault fails it twice.
    retry: 1,
  },
});
