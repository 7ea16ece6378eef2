import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ApplicationError, classify } from '../../../src/base/errors.ts';
import type { LimitSettings } from '../../../src/base/limit-settings.ts';
import { type LimitsRequest, planLimits } from '../../../src/job/limits.ts';
import type { Policy } from '../../../src/job/types.ts';

interface Given extends LimitSettings {
  readonly memoryOf?: string;
  readonly features?: readonly string[];
  readonly size?: string;
  readonly policy?: Policy;
}

const planned = ({ memoryOf = '256m', features = [], size, policy = 'compatible', ...settings }: Given = {}) =>
  planLimits({
    definition: { id: 'acme.ex', memory: memoryOf, features },
    size,
    isPayAsYouGo: settings.payAsYouGo === true,
    settings,
    policy,
    pids: 4096,
  } satisfies LimitsRequest);
const mebibyte = 2 ** 20;

describe('the memory of a definition', () => {
  test.each([
    ['256m', 256, '256M'],
    ['32M', 32, '32M'],
    ['1g', 1000, '1000M'],
    ['2G', 2000, '2000M'],
  ])('%s is %d MiB and called %s (contract 1.2)', (memoryOf, mebibytes, text) => {
    const { limits, memoryText, memoryFrom } = planned({ memoryOf });
    expect([limits.memoryBytes, memoryText, memoryFrom]).toEqual([mebibytes * mebibyte, text, 'definition']);
  });
});

describe('container sizes (fact 28)', () => {
  test.each([
    [undefined, '256m', 2, '256M', 'definition'],
    ['small', '256m', 2, '256M', 'definition'],
    ['xsmall', '256m', 1, '128M', 'size'],
    ['xsmall', '33m', 1, '16M', 'size'],
    ['xsmall', '13m', 1, '6M', 'size'],
    ['medium', '256m', 4, '512M', 'size'],
    ['large', '256m', 14, '1817M', 'size'],
    ['large', '10m', 14, '71M', 'size'],
    ['large', '1g', 14, '7100M', 'size'],
  ])('%s of %s is %d cores and %s', (size, memoryOf, cpus, text, from) => {
    const { limits, memoryText, memoryFrom, warnings } = planned({ memoryOf, ...(size !== undefined && { size }) });
    expect([limits.cpus, memoryText, memoryFrom, warnings]).toEqual([cpus, text, from, []]);
    expect(limits.memoryBytes).toBe(Number.parseInt(text, 10) * mebibyte);
  });

  test('an unknown one is one core, the memory of the definition and a warning that names it', () => {
    const { limits, memoryText, warnings } = planned({ size: 'huge' });
    expect([limits.cpus, memoryText]).toEqual([1, '256M']);
    expect(warnings).toEqual([expect.stringMatching(/"huge".*xsmall, small, medium, large/)]);
  });
});

describe('pay as you go', () => {
  const payg = (more: Given = {}) => planned({ payAsYouGo: true, instanceCpus: 2, ...more });

  test.each([
    [{ instanceCpus: 2, project: { 'runner.cpuParallelism': 10 } }, 2],
    [{ instanceCpus: 14, project: { 'runner.cpuParallelism': 10 } }, 10],
    [{ instanceCpus: 14 }, 2],
    [{ instanceCpus: 1 }, 1],
  ])('%j has %d cores (fact 26)', (more, cpus) => {
    expect(payg(more).limits.cpus).toBe(cpus);
  });

  test.each([
    ['60000M of the project', { 'runner.acme.ex.memoryLimitMBs': 60_000 }, '60000M', 60_000, 'project'],
    ['the definition’s when the limit is of another one', { 'runner.other.memoryLimitMBs': 1 }, '256m', 256, 'project'],
  ])('the memory is %s (fact 27)', (_, project, text, mebibytes, from) => {
    const { limits, memoryText, memoryFrom } = payg({ project, features: ['no-swap'] });
    expect([memoryText, memoryFrom]).toEqual([text, from]);
    expect([limits.memoryBytes, limits.memorySwapBytes]).toEqual([mebibytes * mebibyte, mebibytes * mebibyte]);
  });

  test('the text of a definition goes to Docker as it is, and 1g of Docker is a gibibyte', () => {
    expect(payg({ memoryOf: '1g' })).toMatchObject({ memoryText: '1g', limits: { memoryBytes: 2 ** 30 } });
  });

  test('the size of the container is of no account', () => {
    expect(payg({ size: 'large' })).toMatchObject({ memoryText: '256m', limits: { cpus: 2 }, warnings: [] });
  });

  test.each<[Given, readonly string[]]>([
    [{ instanceCpus: undefined as never }, ['limits.instanceCpus']],
    [{ instanceCpus: 97 }, ['limits.instanceCpus']],
    [{ instanceCpus: 'many' as never }, ['limits.instanceCpus']],
    [{ instanceCpus: Number.NaN }, ['limits.instanceCpus']],
    [{ project: { 'runner.cpuParallelism': 0 } }, ['runner.cpuParallelism']],
    [{ project: { 'runner.acme.ex.memoryLimitMBs': 120_000_000 } }, ['runner.acme.ex.memoryLimitMBs']],
    [
      { instanceCpus: 0, project: { 'runner.cpuParallelism': 97, 'runner.acme.ex.memoryLimitMBs': 0 } },
      ['limits.instanceCpus', 'runner.cpuParallelism', 'runner.acme.ex.memoryLimitMBs'],
    ],
  ])('%j is nobody’s fault but the operator’s, and every limit is named (facts 25 and 27)', (more, paths) => {
    let error: unknown;
    try {
      payg(more);
    } catch (thrown) {
      error = thrown;
    }
    expect(error).toBeInstanceOf(ApplicationError);
    const { problems, message } = classify(error);
    expect(problems.map(({ path }) => path)).toEqual(paths);
    for (const path of paths) expect(message).toContain(path);
  });
});

describe('what the operator allows', () => {
  test('caps memory with a warning, and cores', () => {
    const { limits, memoryText, memoryFrom, warnings } = planned({
      memoryOf: '8g',
      size: 'large',
      memory: '4g',
      cpus: 3,
    });
    expect([limits.cpus, limits.memoryBytes, memoryText, memoryFrom]).toEqual([
      3,
      4000 * mebibyte,
      '4000M',
      'operator',
    ]);
    expect(warnings).toEqual([expect.stringContaining('acme.ex gets 4000M of memory instead of 56800M')]);
  });

  test('gives nobody more than was asked for', () => {
    expect(planned({ memory: '100g', cpus: 96 })).toEqual(planned());
  });

  test('caps what a project allows', () => {
    const project = { 'runner.acme.ex.memoryLimitMBs': 60_000 };
    expect(planned({ payAsYouGo: true, instanceCpus: 8, project, memory: '1g', cpus: 1.5 })).toMatchObject({
      memoryText: '1000M',
      memoryFrom: 'operator',
      limits: { cpus: 1.5 },
    });
  });

  test('sizes /dev/shm, 64 MiB by default, and sets resource limits', () => {
    expect(planned().limits).toMatchObject({ shmBytes: 64 * mebibyte, pids: 4096 });
    expect(planned().limits).not.toHaveProperty('ulimits');
    expect(planned({ shm: '1g', ulimits: { nofile: 64 } }).limits).toMatchObject({
      shmBytes: 2 ** 30,
      ulimits: { nofile: 64 },
    });
  });
});

describe('swap', () => {
  test('is Docker’s default, none with no-swap, and none when hardened (fact 22)', () => {
    expect(planned().limits).not.toHaveProperty('memorySwapBytes');
    expect(planned({ features: ['no-swap'], size: 'medium' }).limits.memorySwapBytes).toBe(512 * mebibyte);
    expect(planned({ policy: 'hardened' }).limits).toMatchObject({
      memorySwapBytes: 256 * mebibyte,
      killsAsGroup: true,
    });
  });
});

test.each([
  [{ memoryOf: '5m' }, 'acme.ex would get 5M', /^Raise "memory" in the definition of acme.ex/],
  [{ size: 'xsmall', memoryOf: '11m' }, 'acme.ex would get 5M', /larger backend.containerType/],
  [{ payAsYouGo: true, instanceCpus: 2, memoryOf: '5m' }, 'acme.ex would get 5m', /runner.acme.ex.memoryLimitMBs/],
])('%j is refused, as Docker refuses less than 6 MiB', (given, message, hint) => {
  const attempt = () => planned(given);
  expect(attempt).toThrow(ApplicationError);
  expect(attempt).toThrow(
    expect.objectContaining({ message: expect.stringContaining(message), hint: expect.stringMatching(hint) }),
  );
});

test('whatever is asked for, there is a limit, and never more than the operator’s', () => {
  const memory = fc.tuple(fc.integer({ min: 12, max: 999_999_999 }), fc.constantFrom('m', 'g', 'M', 'G'));
  const size = fc.option(fc.constantFrom('xsmall', 'small', 'medium', 'large', 'constructor'), { nil: undefined });
  fc.assert(
    fc.property(
      memory,
      size,
      fc.boolean(),
      fc.double({ min: 0.01, max: 96, noNaN: true }),
      (text, type, payg, most) => {
        const { limits } = planned({
          memoryOf: text.join(''),
          ...(type !== undefined && { size: type }),
          payAsYouGo: payg,
          instanceCpus: 96,
          memory: '9g',
          cpus: most,
        });
        expect(Number.isSafeInteger(limits.memoryBytes)).toBe(true);
        expect(limits.memoryBytes).toBeGreaterThanOrEqual(6 * mebibyte);
        expect(limits.memoryBytes).toBeLessThanOrEqual(9000 * mebibyte);
        expect(limits.cpus).toBeLessThanOrEqual(most);
      },
    ),
  );
});
