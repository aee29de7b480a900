import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["test/**/*.test.ts", "examples/*.test.mjs"],
    setupFiles: ["test/seed.ts"],
    testTimeout: 120_000,
    hookTimeout: 60_000,
    /** Two workers: the tests are CPU-bound and small machines have two cores. */
    maxWorkers: 2,
  },
});
