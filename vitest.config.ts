import { defineConfig } from 'vitest/config';

const system = ['test/contract/**/*.test.ts', 'test/e2e/**/*.test.ts', 'test/bench/**/*.test.ts'];

export default defineConfig({
  test: {
    pool: 'forks',
    maxWorkers: 2,
    projects: [
      {
        extends: true,
        test: { name: 'unit', include: ['test/**/*.test.ts'], exclude: system, testTimeout: 20_000 },
      },
      {
        extends: true,
        // One private containerd and one registry serve all files, one file at a time.
        test: {
          name: 'system',
          include: system,
          globalSetup: ['test/support/global-setup.ts'],
          fileParallelism: false,
          testTimeout: 60_000,
          hookTimeout: 120_000,
        },
      },
    ],
  },
});
