import { describe, expect, test } from 'vitest';
import { explain, type FailedStage } from '../../../src/job/explanation.ts';

const mebibyte = 2 ** 20;

interface Given extends Partial<Omit<FailedStage, 'plan'>> {
  readonly plan?: Partial<FailedStage['plan']>;
}

const explained = ({ plan, ...more }: Given) =>
  explain({
    outcome: 'app_error',
    exitCode: 2,
    killedBy: undefined,
    usage: { oomKills: 0 },
    seconds: 1,
    logBytes: 1024 * mebibyte,
    lastLines: [],
    ...more,
    plan: {
      role: 'main',
      component: 'acme.ex',
      limits: { memoryBytes: 256 * mebibyte, cpus: 2, pids: 4096 },
      memoryText: '256M',
      timeoutSeconds: 60,
      ...plan,
    },
  });

describe('out of memory', () => {
  const oom = (peakMemoryBytes: number | undefined, more: Given = {}) =>
    explained({
      outcome: 'oom',
      exitCode: 137,
      usage: { oomKills: 1, ...(peakMemoryBytes !== undefined && { peakMemoryBytes }) },
      ...more,
    });

  test.each([
    [
      256 * mebibyte,
      1,
      137,
      'It used at most 256 MiB of 256 MiB of memory; the kernel killed 1 process for want of memory.',
    ],
    [
      256 * mebibyte - 1,
      3,
      137,
      'It used at most 255 MiB of 256 MiB of memory; the kernel killed 3 processes for want of memory.',
    ],
    [
      256 * mebibyte,
      1,
      0,
      'It used at most 256 MiB of 256 MiB of memory; the kernel killed 1 process for want of memory, although the component itself ended with 0.',
    ],
    [undefined, 1, 137, 'It may use 256 MiB of memory; the kernel killed 1 process for want of memory.'],
  ])('at a peak of %s with %i kills and exit code %i', (peak, oomKills, exitCode, what) => {
    const usage = { oomKills, ...(peak !== undefined && { peakMemoryBytes: peak }) };
    const explanation = oom(peak, { usage, exitCode });
    expect(explanation).toMatchObject({ what, limit: { name: 'memory', value: 256 * mebibyte, unit: 'bytes' } });
    expect(explanation.used).toBe(peak);
  });

  test.each([
    [undefined, /^Raise "memory" in the definition of acme.ex \(now 256M\)/],
    ['definition', /^Raise "memory" in the definition of acme.ex \(now 256M\)/],
    ['size', /^Run the job with a larger backend.containerType/],
    ['project', /^Raise the limit runner.acme.ex.memoryLimitMBs/],
    ['operator', /^Ask the operator to raise limits.memory/],
  ] as const)('by a limit of the %s names what to raise', (memoryFrom, suggestion) => {
    const plan = memoryFrom === undefined ? {} : { memoryFrom };
    expect(oom(256 * mebibyte, { plan }).suggestion).toMatch(suggestion);
  });

  test('far below its limit does not blame the limit', () => {
    const { what, suggestion } = oom(20 * mebibyte);
    expect(what).toContain('20 MiB of 256 MiB');
    expect(suggestion).toMatch(/^Its own limit was not met/);
  });
});

describe('out of time', () => {
  const late = (more: Given = {}) => explained({ outcome: 'timeout', exitCode: 137, seconds: 61.96, ...more });

  test('tells both times, and names both places of the component’s limit', () => {
    expect(late({ usage: { oomKills: 0, cpuSeconds: 59.94, throttledSeconds: 1 } })).toEqual({
      what: 'It ran for 62 s and may run for 60 s; it used 59.9 s of processor time.',
      limit: { name: 'time', value: 60, unit: 'seconds' },
      used: 62,
      suggestion:
        'Raise runtime.process_timeout in the configuration, or process_timeout in the definition of acme.ex.',
      lastLines: [],
    });
  });

  test.each([
    ['a processor', { role: 'before' as const }, 'Raise process_timeout in the definition of acme.ex.'],
    ['a component at a day', { timeoutSeconds: 86_400 }, 'Let it do less in one run, for example by rows.'],
  ])('of %s suggests what can be done', (_, plan, suggestion) => {
    expect(late({ plan }).suggestion).toBe(suggestion);
  });

  test('for want of processor time says so', () => {
    const { what, suggestion } = late({ usage: { oomKills: 0, cpuSeconds: 20, throttledSeconds: 40 } });
    expect(what).toContain('its limit of 2 cores held it back for 40 s');
    expect(suggestion).toMatch(/^Run the job with a larger backend.containerType/);
  });
});

describe('an exit code', () => {
  test.each([
    [126, /may not be executed/, /executable/],
    [127, /is not found/, /PATH/],
    [134, /stands for SIGABRT/, undefined],
    [139, /stands for SIGSEGV/, undefined],
    [143, /stands for SIGTERM, and componentd sent none/, undefined],
    [2, undefined, undefined],
    [1, undefined, undefined],
    [128, undefined, undefined],
    [255, undefined, undefined],
  ])('%i', (exitCode, what, suggestion) => {
    const explanation = explained({ exitCode });
    for (const [text, pattern] of [
      [explanation.what, what],
      [explanation.suggestion, suggestion],
    ] as const) {
      if (pattern === undefined) expect(text).toBeUndefined();
      else expect(text).toMatch(pattern);
    }
    expect(explanation.limit).toBeUndefined();
  });

  test('137 is not blamed on memory, however much was used', () => {
    const usage = { oomKills: 0, peakMemoryBytes: 256 * mebibyte };
    const { what, limit, suggestion } = explained({ outcome: 'user_error', exitCode: 137, usage });
    expect(what).toBe(
      'Exit code 137 stands for SIGKILL: componentd sent none, and the kernel counted no kill for want of memory (256 MiB of 256 MiB were used at most).',
    );
    expect(limit).toBeUndefined();
    expect(suggestion).not.toMatch(/memory/);
  });
});

test('too many processes are told whatever the exit code says, and only when something failed to start', () => {
  const usage = { oomKills: 0, pidsLimitHits: 3, peakPids: 4096 };
  expect(explained({ exitCode: 127, usage })).toMatchObject({
    what: 'It could not start a process or thread 3 times: at most 4096 may run at once.',
    limit: { name: 'processes', value: 4096, unit: 'processes' },
    used: 4096,
  });
  expect(explained({ exitCode: 2, usage: { oomKills: 0, pidsLimitHits: 0, peakPids: 4096 } }).limit).toBeUndefined();
});

test('too much output names the limit', () => {
  expect(explained({ outcome: 'quota', exitCode: 137 })).toMatchObject({
    what: 'More than 1024 MiB of its output waited to be read.',
    limit: { name: 'log', value: 2 ** 30, unit: 'bytes' },
  });
});

test('the last lines come along, and a stop needs no explanation', () => {
  const lastLines = [{ stream: 'stdout', message: 'x' }] as const;
  expect(explained({ outcome: 'cancelled', exitCode: 143, lastLines })).toEqual({ lastLines });
});
