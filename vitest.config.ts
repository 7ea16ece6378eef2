import { defineConfig, type TestProjectInlineConfiguration } from 'vitest/config';
import { findRelease, type ReleaseName, releaseNames } from './test/support/releases.ts';

const system = ['test/contract/**/*.test.ts', 'test/e2e/**/*.test.ts', 'test/bench/**/*.test.ts'];

/** What does not depend on containerd, though some of it runs a job: run once, on the installed one, and not on every release line. */
const once = [
  'test/contract/proto.test.ts',
  'test/contract/storage-*.test.ts',
  'test/contract/image/registry.test.ts',
  'test/contract/image/signatures.test.ts',
  'test/contract/image/hostile-registry.test.ts',
  'test/contract/image/refusals.test.ts',
  'test/contract/image/hostile-config.test.ts',
  'test/contract/image/{hosts,https,tls}.test.ts',
  ...[
    'build',
    'completion',
    'config',
    'credentials',
    'harvest',
    'images',
    'mistakes',
    'screens',
    'storage',
    'tokens',
    'trusted-images',
    'typed',
    'upgrade',
    'validate',
  ].map((name) => `test/e2e/${name}.test.ts`),
];

/** Tests on a private containerd and a registry, which serve all files, one file at a time. */
function onContainerd(
  name: string,
  release: ReleaseName | undefined,
  files: { include: string[]; exclude?: string[] },
): TestProjectInlineConfiguration {
  const found = release && findRelease(release);
  return {
    extends: true,
    test: {
      name,
      // A line that is missing is told by the one test that looks whether it is there.
      ...(release && !found ? { include: ['test/contract/release.test.ts'] } : files),
      ...(release && { env: { COMPONENTD_TEST_RELEASE: release, ...(found && { PATH: found.path }) } }),
      globalSetup: ['test/support/global-setup.ts'],
      fileParallelism: false,
      // Real daemons on a machine that may be busy: what passes at the second try is told as retried. The unit tests get one try.
      retry: 1,
      testTimeout: 60_000,
      hookTimeout: 120_000,
    },
  };
}

/** `--project system` is everything on the containerd that is installed: the short way while one works on something. */
const isSystemNamed = process.argv.some((argument) => /^(--project=)?system$/.test(argument));

export default defineConfig({
  test: {
    pool: 'forks',
    maxWorkers: 2,
    projects: [
      {
        extends: true,
        test: { name: 'unit', include: ['test/**/*.test.ts'], exclude: system, testTimeout: 20_000 },
      },
      onContainerd('once', undefined, { include: once }),
      ...releaseNames.map((name) => onContainerd(`containerd-${name}`, name, { include: system, exclude: once })),
      ...(isSystemNamed ? [onContainerd('system', undefined, { include: system })] : []),
    ],
  },
});
