import { execFile } from 'node:child_process';
import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import { describe, expect, onTestFinished, test } from 'vitest';
import type { Line } from '../support/cli.ts';
import { shell, untilLetGo } from '../support/components.ts';
import { type Site, type SiteSettings, useTenant } from '../support/site.ts';

const run = promisify(execFile);
const tenant = useTenant(import.meta.filename);
const mebibyte = 2 ** 20;

async function withMain(more: object = {}, settings: SiteSettings = {}): Promise<Site> {
  const site = await tenant.site(settings);
  await site.define('test.main', more);
  return site;
}

const small = { memory: '32m', features: ['no-swap'] };

describe('a failure explains itself: ', () => {
  test('a hog', async () => {
    const site = await withMain(small);
    const { result } = await site.script('echo loading; echo odd >&2; sleep 0.3; exec tail /dev/zero');
    const { explanation } = result;
    expect(explanation).toEqual({
      what: expect.stringMatching(
        /^It used at most (29|3\d) MiB of 32 MiB of memory; the kernel killed 1 process for want of memory\.$/,
      ),
      limit: { name: 'memory', value: 32 * mebibyte, unit: 'bytes' },
      used: expect.any(Number),
      suggestion:
        'Raise "memory" in the definition of test.main (now 32M), or run the job with a larger backend.containerType.',
      lastLines: expect.arrayContaining([
        { stream: 'stdout', message: 'loading' },
        { stream: 'stderr', message: 'odd' },
      ]),
    });
    expect(explanation.used).toBeLessThanOrEqual(32 * mebibyte);
    expect(result.stages[0][0].explanation).toEqual(explanation);
  });

  test('a hog whose parent survives it', async () => {
    const site = await withMain(small);
    const { result } = await site.script('tail /dev/zero || true');
    expect(result).toMatchObject({
      outcome: 'oom',
      explanation: { what: expect.stringContaining('although the component itself ended with 0') },
    });
  });

  test.each([
    ['of a size', { backend: { containerType: 'xsmall' } }, {}, /^Run the job with a larger backend.containerType/],
    ['of the operator', {}, { memory: '32m' }, /^Ask the operator to raise limits.memory/],
    [
      'of the project',
      {},
      { payAsYouGo: true, instanceCpus: 2, project: { 'runner.test.main.memoryLimitMBs': 32 } },
      /^Raise the limit runner.test.main.memoryLimitMBs/,
    ],
  ])('a hog within a limit %s is told whom to ask', async (_, more, limits, suggestion) => {
    const site = await withMain({ memory: '64m', features: ['no-swap'] }, { config: { limits } });
    const { result } = await site.job({
      component: 'test.main',
      configData: { parameters: shell('exec tail /dev/zero') },
      ...more,
    });
    expect(result.message).toContain('32M');
    expect(result.explanation).toMatchObject({
      limit: { value: 32 * mebibyte },
      suggestion: expect.stringMatching(suggestion),
    });
  });

  test('a component that takes too long', async () => {
    const site = await withMain({ process_timeout: 2 });
    const { result } = await site.script('echo begun; exec sleep 60');
    expect(result).toMatchObject({
      outcome: 'timeout',
      explanation: {
        what: expect.stringMatching(
          /^It ran for \d+(\.\d)? s and may run for 2 s; it used \d(\.\d)? s of processor time\.$/,
        ),
        limit: { name: 'time', value: 2, unit: 'seconds' },
        suggestion: expect.stringMatching(/^Raise runtime.process_timeout in the configuration/),
        lastLines: [{ stream: 'stdout', message: 'begun' }],
      },
    });
    expect(result.explanation.used).toBeGreaterThanOrEqual(2);
  });

  test('a component that is held back by its share of the processors', async () => {
    // So few that it reaches its limit in every period on a busy machine, too.
    const site = await withMain({ process_timeout: 2 }, { config: { limits: { cpus: 0.05 } } });
    const { result } = await site.script('while :; do :; done');
    expect(result.explanation.what).toMatch(/its limit of 0\.05 cores held it back for \d+(\.\d)? s/);
    expect(result.explanation.suggestion).toMatch(/^Run the job with a larger backend.containerType/);
    expect(result.stages[0][0].usage.cpuSeconds).toBeLessThan(1);
  });

  test.each([
    [126, /may not be executed/, /executable/],
    [127, /is not found/, /PATH/],
    [139, /SIGSEGV/, undefined],
  ])('exit code %i', async (exit, what, suggestion) => {
    const site = await withMain();
    const { result } = await site.script(`echo before; exit ${exit}`);
    expect(result.explanation.what).toMatch(what);
    if (suggestion === undefined) expect(result.explanation).not.toHaveProperty('suggestion');
    else expect(result.explanation.suggestion).toMatch(suggestion);
    expect(result.explanation).not.toHaveProperty('limit');
    expect(result.explanation.lastLines).toEqual([{ stream: 'stdout', message: 'before' }]);
  });

  test('SIGKILL of somebody else, without a guess', async () => {
    const site = await withMain();
    const { result } = await site.script(`sh -c 'kill -9 $$' || exit $?`);
    expect(result.explanation).not.toHaveProperty('limit');
    expect(result.explanation.what).toMatch(/componentd sent none, and the kernel counted no kill for want of memory/);
  });

  test('a component that starts too many processes', async () => {
    const site = await withMain({}, { config: { pidsLimit: 20 } });
    const bomb = 'i=0; while [ $i -lt 50 ]; do sleep 100 & i=$((i + 1)); done';
    const { result } = await site.script(bomb);
    expect(result.outcome).toBe('app_error');
    expect(result.explanation).toMatchObject({
      what: expect.stringMatching(
        /^It could not start a process or thread (once|\d+ times): at most 20 may run at once\.$/,
      ),
      limit: { name: 'processes', value: 20, unit: 'processes' },
      used: 20,
      suggestion: expect.stringContaining('pidsLimit'),
    });
  });

  test('a component that prints more than can be taken away', async () => {
    const site = await withMain({}, { config: { logBacklogBytes: 1 } });
    const { code, result } = await site.script('exec yes', {}, { reader: 'tail' });
    expect({ code, outcome: result.outcome }).toEqual({ code: 1, outcome: 'quota' });
    expect(result.explanation).toMatchObject({
      limit: { name: 'log', value: 1, unit: 'bytes' },
      suggestion: expect.stringContaining('logBacklogBytes'),
      lastLines: Array.from({ length: 10 }, () => ({ stream: 'stdout', message: 'y' })),
    });
  });

  test('a disk that was filled', async () => {
    const site = await withMain({ memory: '512m' }, { stateDir: await smallDisk(128) });
    const { code, result } = await site.script('echo filling; cat /dev/zero > out/files/zeros');
    expect({ code, outcome: result.outcome }).toEqual({ code: 3, outcome: 'infra' });
    expect(result.explanation).toMatchObject({
      limit: { name: 'disk', unit: 'bytes', value: expect.any(Number) },
      suggestion: expect.stringContaining('Free some space'),
      lastLines: [{ stream: 'stdout', message: 'filling' }],
    });
    expect(result.explanation.used).toBeGreaterThanOrEqual(result.explanation.limit.value);
  });

  test('a component that says nothing, with as little', async () => {
    const site = await withMain();
    const { result } = await site.script('exit 2');
    expect(result.explanation).toEqual({ lastLines: [] });
  });

  test('nothing when all went well', async () => {
    const site = await withMain();
    expect((await site.script('echo fine')).result).not.toHaveProperty('explanation');
  });
});

describe('the last lines', () => {
  test('are ten of both streams, hold no secret, and are cut where they are long', async () => {
    const site = await withMain();
    const script = `for i in $(seq 1 30); do echo "line $i"; done; ${untilLetGo}
      echo "with s3cr3t-value" >&2; printf '%1000s\\n' x | tr ' ' 'x'; exit 2`;
    const configData = { parameters: shell(script, { '#token': 's3cr3t-value' }) };
    const job = site.startJob({ component: 'test.main', configData });
    // What two streams say has an order only when one was read before the other spoke.
    await job.line((line) => line.type === 'log' && line.message === 'line 30');
    await site.letGo(await site.onlyJob());
    const result = (await job.done).lines.at(-1) as Line;
    const { lastLines } = result.explanation;
    expect(lastLines).toHaveLength(10);
    expect(lastLines).toContainEqual({ stream: 'stderr', message: 'with [hidden]' });
    expect(lastLines).toContainEqual({ stream: 'stdout', message: `${'x'.repeat(500)}…` });
    expect(JSON.stringify(result)).not.toContain('s3cr3t');
  });

  test('are known to a process that did not see them', async () => {
    const site = await withMain();
    const script = `for i in $(seq 1 12); do echo "early $i"; done; ${untilLetGo}; echo late; exit 2`;
    const job = site.startJob({ component: 'test.main', configData: { parameters: shell(script) } });
    await job.line((line) => line.type === 'log' && line.message === 'early 12');
    const id = await site.onlyJob();
    while (!(await site.events(id)).some(({ message }) => message === 'early 12')) await delay(50);
    job.kill('SIGKILL');
    await job.done;
    await site.letGo(id);
    const { lines } = await site.run(['--json', 'resume', id]);
    const result = lines.at(-1) as Line;
    expect(result.explanation.lastLines.map(({ message }: Line) => message)).toEqual([
      ...Array.from({ length: 9 }, (_, i) => `early ${i + 4}`),
      'late',
    ]);
  });
});

describe('on a terminal', () => {
  const told = async (site: Site, script: string, args: readonly string[] = []) =>
    await site.run([...args, 'run', '-'], {
      input: JSON.stringify({ component: 'test.main', configData: { parameters: shell(script) } }),
    });

  test('a failure says what was counted, what was said last and what to do, each on its line', async () => {
    const site = await withMain({ process_timeout: 2 });
    const { stderr } = await told(site, `printf '\\033[31mred\\n'; exec sleep 60`, ['--quiet']);
    expect(stderr.trimEnd().split('\n')).toEqual([
      expect.stringMatching(
        /^componentd: job \w+ ended with timeout: Component test\/shell:1 ran longer than 2 seconds/,
      ),
      expect.stringMatching(/^ {2}It ran for .* and may run for 2 s; it used .*\.$/),
      '  Its last lines:',
      '    stdout | red',
      expect.stringMatching(/^ {2}Raise runtime\.process_timeout .*\.$/),
    ]);
  });

  test('last lines that are the message are not said twice', async () => {
    const site = await withMain();
    const { stderr } = await told(site, 'echo "table is empty" >&2; exit 1', ['--quiet']);
    expect(stderr).toMatch(/^componentd: job \w+ ended with user_error: table is empty\n$/);
  });

  test('a stage says in one line what it used', async () => {
    const site = await withMain();
    const script =
      'i=0; while [ $i -lt 200000 ]; do i=$((i + 1)); done; dd if=/dev/zero of=out/files/x bs=1M count=8 conv=fsync';
    const { stdout } = await told(site, script);
    expect(stdout).toMatch(
      /test\.main finished \(exit code 0, [\d.]+ m?s, [\d.]+ m?s of processor time, [\d.]+ MiB of memory at most, .*[\d.]+ MB written\)/,
    );
  });
});

async function smallDisk(megabytes: number): Promise<string> {
  const path = join(tenant.folder, 'small-disk');
  await mkdir(path);
  await run('mount', ['-t', 'tmpfs', '-o', `size=${megabytes}m,mode=700`, 'tmpfs', path]);
  onTestFinished(async () => {
    await run('umount', [path]);
    await rm(path, { recursive: true });
  });
  return path;
}
