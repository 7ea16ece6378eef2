import { open, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import type { Line } from '../support/cli.ts';
import { shell } from '../support/components.ts';
import { mainDefined, type Site, useTenant } from '../support/site.ts';

const tenant = useTenant(import.meta.filename);

async function withMain(more?: object): Promise<Site> {
  if (more === undefined) return await tenant.site({ prepare: mainDefined });
  const site = await tenant.site();
  await site.define('test.main', more);
  return site;
}

function messages(lines: readonly Line[], stream = 'stdout'): readonly string[] {
  return lines.filter((line) => line.type === 'log' && line.stream === stream).map(({ message }) => message);
}

describe('200 MB of output', () => {
  const line = 'x'.repeat(93);
  // 2,000,000 lines of 101 bytes with their number.
  const flood = `awk 'BEGIN { for (i = 1; i <= 2000000; i++) printf "%07d ${line}\\n", i }'`;

  test('passes in less than 120 MB of memory, is kept to 100 MiB without a gap, and the job is a success', async () => {
    const site = await withMain();
    const ran = await site.script(flood, {}, { reader: 'tail' });
    expect(ran.code).toBe(0);
    expect(ran.result.outcome).toBe('success');
    expect(ran.peakMemoryBytes).toBeGreaterThan(20e6);
    expect(ran.peakMemoryBytes).toBeLessThan(120e6);
    expect(messages(ran.lines).at(-1)).toBe(`2000000 ${line}`);

    const record = join(site.stateDir, 'jobs', ran.result.job, 'events.ndjson');
    const { kept, dropped, markers } = await readRecord(record);
    expect(kept + dropped).toBe(2_000_000);
    expect(markers).toBeGreaterThan(0);
    expect((await stat(record)).size).toBeGreaterThan(100 * 2 ** 20);
    expect((await stat(record)).size).toBeLessThan(101 * 2 ** 20);
  }, 180_000);

  test('that nobody reads does not stop the time limit; the result is there for who reads later', async () => {
    const site = await withMain({ process_timeout: 3 });
    const script = `${flood.replace('2000000', '300000')}; exec sleep 60`;
    const started = Date.now();
    const configData = { parameters: shell(script) };
    const job = site.startJob({ component: 'test.main', configData }, { reader: 'stalled' });
    const id = await untilJob(site);
    const finished = async (): Promise<Line | undefined> =>
      (await site.events(id).catch((): readonly Line[] => [])).find(({ type }) => type === 'job-finished');
    while ((await finished()) === undefined && Date.now() - started < 30_000) await delay(200);
    expect(await finished()).toMatchObject({ outcome: 'timeout' });
    await delay(3_000);
    job.read();
    const { code, lines } = await job.done;
    expect(code).toBe(1);
    expect(lines.at(-1)).toMatchObject({ type: 'result', outcome: 'timeout' });
  });

  test('killed in its middle is resumed without a line lost or doubled', async () => {
    const site = await withMain();
    const few = flood.replace('2000000', '300000');
    const job = site.startJob({ component: 'test.main', configData: { parameters: shell(few) } }, { reader: 'tail' });
    const id = await untilJob(site);
    const record = join(site.stateDir, 'jobs', id, 'events.ndjson');
    while (((await stat(record).catch(() => undefined))?.size ?? 0) < 5e6) await new Promise(setImmediate);
    job.kill('SIGKILL');
    await job.done;
    const resumed = await site.run(['--json', 'resume', id], { reader: 'tail' });
    expect(resumed.code).toBe(0);
    expect(await readRecord(record)).toEqual({ kept: 300_000, dropped: 0, markers: 0 });
  }, 120_000);
});

describe('output', () => {
  test('of both streams stays apart, and a last line without its end is there', async () => {
    const site = await withMain();
    const { lines } = await site.script(
      'for i in $(seq 1 200); do echo "out $i"; echo "err $i" >&2; done; printf "out end"; printf "err end" >&2',
    );
    const expected = (stream: string): string[] => [
      ...Array.from({ length: 200 }, (_, i) => `${stream} ${i + 1}`),
      `${stream} end`,
    ];
    expect(messages(lines)).toEqual(expected('out'));
    expect(messages(lines, 'stderr')).toEqual(expected('err'));
  });

  test('is told while the component works, not at its end', async () => {
    const site = await withMain();
    const job = site.startJob({
      component: 'test.main',
      configData: { parameters: shell(`trap 'exit 0' TERM; echo first; while :; do sleep 0.1; done`) },
    });
    await job.line((line) => line.type === 'log' && line.message === 'first');
    job.kill('SIGTERM');
    expect((await job.done).code).toBe(143);
  });

  test('of one line of 1 MB arrives, in pieces if need be, with nothing missing', async () => {
    const site = await withMain();
    const { lines, code } = await site.script('head -c 1000000 /dev/zero | tr "\\0" a; echo; echo after');
    expect(code).toBe(0);
    const all = messages(lines);
    expect(all.at(-1)).toBe('after');
    expect(all.slice(0, -1).join('')).toBe('a'.repeat(1_000_000));
  });

  test('of 20 MB without any line end neither stops the job nor fills its memory', async () => {
    const site = await withMain();
    const ran = await site.script('head -c 20000000 /dev/zero | tr "\\0" a', {}, { reader: 'tail' });
    expect(ran.code).toBe(0);
    expect(ran.peakMemoryBytes).toBeLessThan(150e6);
  });

  test('that is binary keeps its valid text (fact 20)', async () => {
    const site = await withMain();
    const { lines, code } = await site.script(
      `printf 'begin\\377\\376 žluť \\303( end\\n'; head -c 300000 /dev/urandom; echo; echo "still here"`,
    );
    expect(code).toBe(0);
    const all = messages(lines);
    expect(all[0]).toBe('begin žluť ( end');
    expect(all.at(-1)).toBe('still here');
    for (const message of all) expect(message.isWellFormed()).toBe(true);
  });

  test('cannot command a terminal, and cannot pretend to be ours in the plain view', async () => {
    const site = await withMain();
    const script = `printf '\\033[2J\\033]0;title\\007red \\033[31mtext\\033[0m\\rover\\b\\302\\233x\\n'`;
    const input = JSON.stringify({ component: 'test.main', configData: { parameters: shell(script) } });
    const { stdout, stderr } = await site.run(['run', '-'], { input });
    expect(stdout).toContain('red text');
    expect(stdout + stderr).not.toMatch(/[\x00-\x08\x0b-\x1f\x7f-\x9f]/);
  });

  test('of blank lines alone is no message of a failure (fact 14)', async () => {
    const site = await withMain();
    const { code, lines } = await site.script('echo; echo >&2');
    expect(code).toBe(0);
    expect(lines.filter(({ type, level }) => type === 'message' && level === 'error')).toEqual([]);
  });

  test('of a background process that goes on after the component does not hold up the job', async () => {
    const site = await withMain();
    const { code, durationMs, lines } = await site.script(
      '( while :; do echo on; sleep 0.1; done ) & sleep 0.3; echo last',
    );
    expect(code).toBe(0);
    expect(durationMs).toBeLessThan(15_000);
    expect(messages(lines)).toContain('last');
  });
});

/** How many numbered lines a record has: they must come without gap. */
async function readRecord(path: string): Promise<{ kept: number; dropped: number; markers: number }> {
  const seen = { kept: 0, dropped: 0, markers: 0 };
  await using file = await open(path);
  for await (const text of file.readLines()) {
    const event = JSON.parse(text) as Line;
    if (event.type === 'log') {
      seen.kept += 1;
      if (Number.parseInt(event.message, 10) !== seen.kept) throw new Error(`line ${seen.kept} reads ${event.message}`);
    } else if (event.type === 'log-dropped') {
      seen.dropped += event.lines;
      seen.markers += 1;
    }
  }
  return seen;
}

async function untilJob(site: Site): Promise<string> {
  for (;;) {
    const id = await site.onlyJob().catch(() => undefined);
    if (id !== undefined) return id;
    await new Promise(setImmediate);
  }
}
