import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { useAlone } from '../support/alone.ts';
import type { Line } from '../support/cli.ts';
import { shell } from '../support/components.ts';
import { type PrivateContainerd, startContainerd } from '../support/containerd.ts';
import { expectNothingLeft } from '../support/nothing-left.ts';
import { isEverythingRequired } from '../support/releases.ts';
import { networksOf, type Site, useTenant } from '../support/site.ts';

// These run on every release line of containerd and with both runtimes, and what they expect is written down once: so all do the same.
const tenant = useTenant(import.meta.filename);

const isCrunMissing = (() => {
  try {
    execFileSync('crun', ['--version'], { stdio: 'ignore' });
    return false;
  } catch {
    return true;
  }
})();

const prologue = ['job-started', 'phase images', ...Array(3).fill('image present'), 'phase inputs'];
const inputs = [...prologue, 'transfer input-table rows.csv started', 'transfer input-table rows.csv finished 5 rows'];
const printed = [
  '0 stdout 7 before',
  '1 stderr 10 warning 1',
  '1 stderr 20 warning 2',
  '1 stdout 7 line 1',
  '1 stdout 14 line 2',
];

describe.each([
  { runtime: 'runc', name: 'runc', isMissing: false },
  { runtime: 'crun', name: `crun${isCrunMissing ? ' (skipped: it is not installed)' : ''}`, isMissing: isCrunMissing },
])('under $name', ({ runtime, isMissing }) => {
  const test = it.skipIf(isMissing && !isEverythingRequired);
  let own: PrivateContainerd | undefined;
  beforeAll(async () => {
    if (runtime === 'runc' || (isMissing && !isEverythingRequired)) return;
    own = await startContainerd(undefined, { withoutHybrid: true });
    const site = await place();
    await site.ask(['image', 'import', join(tenant.folder, 'test-shell-1.tar')]);
  });
  afterEach(async () => {
    if (own === undefined) return;
    await expectNothingLeft({
      address: own.address,
      namespace: `componentd-${tenant.name}`,
      cgroupPrefix: `/componentd/${tenant.name}`,
      tempDirectory: tenant.folder,
      networks: networksOf(tenant.name),
    });
  });
  afterAll(() => own?.stop());
  const place = (): Promise<Site> =>
    tenant.site({ prepare, config: { runtime }, ...(own && { address: own.address }) });

  test('a job that succeeds leaves the same bytes and tells the same events', async () => {
    const site = await place();
    const { code, lines } = await site.job({ component: 'test.main', configData: configuration('') });
    expect({ code, ...told(lines) }).toEqual({
      code: 0,
      logs: [...printed, '2 stderr 6 after'],
      stages: ['0 started', '0 finished 0', '1 started', '1 finished 0', '2 started', '2 finished 0'],
      others: [
        ...inputs,
        'phase stages',
        'phase outputs',
        'transfer output-file note.bin started',
        'transfer output-file note.bin finished',
        'transfer output-table rows.csv started',
        'transfer output-table rows.csv finished 10 rows',
        'phase loads',
        'phase states',
        'job-finished success',
        'result success 0',
      ],
    });
    const rows = ['"1","a ""quoted"" one"', '"2","two\nlines"', '"3","žluťoučký kůň"', '"007","NULL"', '"5",""'];
    expect(await site.table('out.c-e2e.rows')).toBe(`${['"id","text"', ...rows, ...rows].join('\n')}\n`);
    const { stdout } = await site.run(['storage', 'export', '--file', '1']);
    expect(stdout).toBe('a\0b');
  });

  test.each([
    ['fails', 'echo why >&2; exit 1', ['1 stderr 24 why'], 1, 'user_error', 'warning 1\nwarning 2\nwhy'],
    [
      'is out of memory',
      'exec tail /dev/zero',
      [],
      137,
      'oom',
      'Component test/shell:1 was out of memory; its limit is 32M',
    ],
  ])(
    'a job whose component %s tells the same events and changes nothing',
    async (_, last, end, exitCode, outcome, message) => {
      const site = await place();
      const { code, lines } = await site.job({ component: 'test.main', configData: configuration(last) });
      expect({ code, ...told(lines) }).toEqual({
        code: 1,
        logs: [...printed.slice(0, 3), ...end, ...printed.slice(3)],
        stages: ['0 started', '0 finished 0', '1 started', `1 finished ${exitCode}`],
        others: [
          ...inputs,
          'phase stages',
          'phase outputs',
          'phase loads',
          `message error ${message}`,
          `job-finished ${outcome}`,
          `result ${outcome} 1`,
        ],
      });
      const { tables, files } = await site.ask(['storage', 'ls']);
      expect([tables.map(({ id }: Line) => id), files]).toEqual([['in.c-e2e.rows'], []]);
    },
  );

  describe('a job of two rows, with a network and without', () => {
    useAlone('networks');

    test('tells the same events of both', async () => {
      const site = await place();
      const script = `
        ls /sys/class/net; id
        echo "$KBC_CONFIGROWID" > out/files/row.txt; echo '{"n": 1}' > out/state.json`;
      const envelope = { configuration: { parameters: shell(script) }, rows: [{ id: 'a' }, { id: 'b' }] };
      for (const id of ['test.main', 'test.bridge']) {
        await site.ask(['config', 'set', id, 'rows', '-'], { input: JSON.stringify(envelope) });
        const { code, lines } = await site.job({ component: id, config: 'rows' });
        const isConnected = id === 'test.bridge';
        const printed = [
          ...(isConnected ? ['5 eth0', '8 lo'] : ['3 lo']),
          `${isConnected ? 26 : 21} uid=1000 gid=1000`,
        ];
        const ofOneRow = {
          logs: printed.map((line) => `0 stdout ${line}`),
          stages: ['0 started', '0 finished 0'],
          others: [
            ...['phase inputs', 'phase stages', 'phase outputs'],
            ...['started', 'finished'].map((status) => `transfer output-file row.txt ${status}`),
          ],
        };
        const twice = <T>(list: readonly T[]): readonly T[] => [...list, ...list];
        expect({ code, ...told(lines.filter(({ level }) => level !== 'warning')) }).toEqual({
          code: 0,
          logs: twice(ofOneRow.logs),
          stages: twice(ofOneRow.stages),
          others: [
            ...['job-started', 'phase images', 'image present'],
            ...twice(ofOneRow.others),
            ...['phase loads', 'phase states', 'job-finished success', 'result success 0'],
          ],
        });
        const { rows } = await site.ask(['config', 'show', id, 'rows']);
        expect(rows.map(({ state }: Line) => state.component)).toEqual([{ n: 1 }, { n: 1 }]);
      }
    });
  });

  if (runtime === 'runc') return;
  test('a component sees the same user, folders, limits and rights as under runc', async () => {
    const site = await place();
    const [runc, crun] = [await seenUnder('runc', site), await seenUnder('crun', site)];
    expect(crun).toEqual(runc);
  });
});

/** What a component is given, line by line. */
async function seenUnder(runtime: string, site: Site): Promise<readonly string[]> {
  const script = `
    ls -ln /data | cut -c1-30; cat /proc/self/status | grep -E 'Cap|Seccomp:|NoNewPrivs'
    cat config.json; ulimit -a; cat /proc/mounts | cut -d' ' -f2 | sort; env | sort`;
  const { code, lines, stderr } = await site.script(script, {}, { env: { COMPONENTD_RUNTIME: runtime } });
  expect(code, stderr).toBe(0);
  const printed = lines.filter(({ type }) => type === 'log').map(({ message }) => message);
  return printed.filter((line) => !/^(HOSTNAME|KBC_RUNID|KBC_.*TIME.*)=/.test(line));
}

/**
 * The events without moments, ids and counters. What two streams print, and the end of one stage and what comes after it, have no order
 * among each other.
 */
function told(lines: readonly Line[]): { logs: string[]; stages: string[]; others: string[] } {
  const texts = (type: 'log' | 'stage', text: (line: Line) => string): string[] =>
    lines
      .filter((line) => line.type === type)
      .sort(byPlace)
      .map(text);
  return {
    logs: texts('log', ({ stage, stream, offset, message }) => `${stage} ${stream} ${offset} ${message}`),
    stages: texts('stage', ({ stage, status, exitCode }) => [stage, status, exitCode].filter(isThere).join(' ')),
    others: lines
      .filter(({ type }) => type !== 'log' && type !== 'stage')
      .map(({ type, phase, what, name, level, message, status, rows, outcome, exitCode }) =>
        type === 'message' || type === 'result'
          ? [type, outcome, exitCode, ...(type === 'message' ? [level, message] : [])].filter(isThere).join(' ')
          : [type, phase, what, name, status, what && isThere(rows) ? `${rows} rows` : undefined, outcome]
              .filter(isThere)
              .join(' '),
      ),
  };
}

function byPlace(a: Line, b: Line): number {
  return (a.row ?? 0) - (b.row ?? 0) || a.stage - b.stage || String(a.stream).localeCompare(String(b.stream));
}

function isThere(value: unknown): boolean {
  return value !== undefined;
}

async function prepare(site: Site): Promise<void> {
  for (const id of ['test.main', 'test.before', 'test.after']) await site.define(id, { memory: '32m' });
  await site.define('test.bridge', { memory: '32m', network: 'bridge' });
  const csv = 'id,text\n1,"a ""quoted"" one"\n2,"two\nlines"\n3,žluťoučký kůň\n007,NULL\n5,\n';
  await site.ask(['storage', 'import', 'in.c-e2e.rows', await site.file('rows.csv', csv)]);
}

function configuration(last: string): object {
  const main = `
    for n in 1 2; do echo "line $n"; echo "warning $n" >&2; done
    cat in/tables/rows.csv in/tables/rows.csv > out/tables/rows.csv
    echo '{"columns": ["id", "text"]}' > out/tables/rows.csv.manifest
    printf 'a\\000b' > out/files/note.bin
    ${last}
  `;
  const before = 'echo before; tail -n +2 in/tables/rows.csv > out/tables/rows.csv';
  const after = 'echo after >&2; cp in/tables/* out/tables/; cp in/files/* out/files/';
  const processor = (component: string, script: string) => ({ definition: { component }, parameters: shell(script) });
  return {
    parameters: shell(main),
    storage: {
      input: { tables: [{ source: 'in.c-e2e.rows', destination: 'rows.csv' }] },
      output: { tables: [{ source: 'rows.csv', destination: 'out.c-e2e.rows' }] },
    },
    processors: { before: [processor('test.before', before)], after: [processor('test.after', after)] },
  };
}
