import { expect, test } from 'vitest';
import type { Line } from '../support/cli.ts';
import { shell } from '../support/components.ts';
import { type Site, useTenant } from '../support/site.ts';

// These run on every release line of containerd, and what they expect is written down once: so all lines do the same.
const tenant = useTenant(import.meta.filename);

const prologue = ['job-started', 'phase images', ...Array(3).fill('image present'), 'phase inputs'];
const inputs = [...prologue, 'transfer input-table rows.csv started', 'transfer input-table rows.csv finished 5 rows'];
const printed = [
  '0 stdout 7 before',
  '1 stderr 10 warning 1',
  '1 stderr 20 warning 2',
  '1 stdout 7 line 1',
  '1 stdout 14 line 2',
];

test('a job that succeeds leaves the same bytes and tells the same events', async () => {
  const site = await tenant.site({ prepare });
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
    const site = await tenant.site({ prepare });
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
  return a.stage - b.stage || String(a.stream).localeCompare(String(b.stream));
}

function isThere(value: unknown): boolean {
  return value !== undefined;
}

async function prepare(site: Site): Promise<void> {
  for (const id of ['test.main', 'test.before', 'test.after']) await site.define(id, { memory: '32m' });
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
