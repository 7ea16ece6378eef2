import { expect, test } from 'vitest';
import { InfrastructureError } from '../../../../src/base/errors.ts';
import type { BuildLog } from '../../../../src/image/build/build-log.ts';
import { explainFailure } from '../../../../src/image/build/failure.ts';
import { StepFailed } from '../../../../src/image/build/workshop.ts';

const limits = { memoryBytes: 2 ** 30, pids: 100, diskBytes: 2 ** 30 };

function explained(error: unknown, userError?: string): unknown {
  const log: BuildLog = { take: () => {}, end: () => {}, tail: () => 'the end', userError: () => userError };
  return explainFailure(error, { log, component: 'a.b', limits });
}

const failed = (exitCode: number, oomKills = 0) => new StepFailed({ exitCode, oomKills });

test('who must act when a build fails', () => {
  expect(explained(failed(1))).toMatchObject({ class: 'application', message: expect.stringContaining('the end') });
  expect(explained(failed(1), 'Give it access.')).toMatchObject({ class: 'user', message: 'Give it access.' });
  expect(explained(failed(137, 1))).toMatchObject({
    class: 'user',
    reason: 'oom',
    message: expect.stringContaining('1024 MiB'),
  });
  const other = new InfrastructureError('containerd is away');
  expect(explained(other, 'Give it access.')).toBe(other);
});
