import { shell } from './components.ts';
import type { Site } from './site.ts';

/** A command line that succeeds, for each verb: what the tests of terminals and pipes drive. */
export interface VerbCase {
  readonly args: readonly string[];
  /** Command lines that must have run before, each time anew. */
  readonly before?: readonly (readonly string[])[];
  /** What it prints is not JSON, with `--json` either. */
  readonly raw?: boolean;
  /** Every line fits into a narrow terminal. */
  readonly fits?: boolean;
  /** Its exit code, if it is not 0. */
  readonly code?: number;
}

/** Names of the files that the cases use. */
export interface Playground {
  readonly site: Site;
  readonly job: string;
  readonly files: Readonly<
    Record<'table' | 'config' | 'row' | 'state' | 'definition' | 'manifest' | 'jobFile' | 'image', string>
  >;
  /** A name that was not used before. */
  readonly fresh: () => string;
}

/** What a component may print to take over a terminal, and what its author may write into names. */
export const nasty = '\x1b]0;owned\x07\x1b[2J\x9b31mred\u202e 日本語 🚀';

/** Component, configuration with two rows, table, job: what the cases are about. */
export async function prepareVerbs(site: Site): Promise<void> {
  await site.define('test.main');
  const rows = ['r1', 'r2'].map((id) => ({ id, configuration: {} }));
  const configuration = { parameters: shell('echo said; echo warned >&2', { nasty, '#secret': 'geheim' }) };
  await site.ask(['config', 'set', 'test.main', '12', '-'], {
    input: JSON.stringify({ name: `Weather ${nasty}`, configuration, rows }),
  });
  await site.ask(['storage', 'import', 'in.c-geo.cities', '-', '--primary-key', 'id'], {
    input: `id,name\n1,"${nasty}"\n2,Brno\n`,
  });
  await site.ask(['storage', 'import', '--file', '-', '--name', 'notes.txt'], { input: 'notes\n' });
}

/** A site in which one job has run. */
export async function openPlayground(site: Site, image: string): Promise<Playground> {
  const { code, stderr } = await site.run(['run', 'test.main', '--config', '12']);
  if (code !== 0) throw new Error(stderr);
  const definition = { id: 'test.other', data: { definition: { type: 'dockerhub', uri: 'test/shell', tag: '1' } } };
  const parameters = shell(`printf '\\033]0;owned\\007\\033[2J%s\\n' said`);
  const folder = await site.file('table.csv', 'id,name\n1,a\n');
  let used = 0;
  return {
    site,
    job: await site.onlyJob(),
    files: {
      image,
      table: folder,
      config: await site.file('config-1.json', JSON.stringify({ parameters: { city: 'Brno' } })),
      row: await site.file('row.json', JSON.stringify({ parameters: { city: 'Praha' } })),
      state: await site.file('state.json', JSON.stringify({ component: { since: '2026-01-01' } })),
      definition: await site.file('definition.json', JSON.stringify(definition)),
      manifest: await site.file('table.csv.manifest', JSON.stringify({ columns: ['a'] })),
      jobFile: await site.file('job.json', JSON.stringify({ component: 'test.main', configData: { parameters } })),
    },
    fresh: () => {
      used += 1;
      return `new${used}`;
    },
  };
}

/** By the verb as it is typed. A verb that is not here makes a test red: add a case, with everything it needs. */
export function verbCases({ site, job, files, fresh }: Playground): Readonly<Record<string, () => VerbCase>> {
  const stored = ['config', 'set', 'test.main', '77', files.config];
  const row = ['config', 'row', 'add', 'test.main', '77', 'extra', files.row];
  const config =
    (verb: string, ...more: string[]) =>
    (): VerbCase => ({
      before: [stored],
      args: ['config', verb, 'test.main', '77', ...more],
    });
  const onRow =
    (verb: string, ...more: string[]) =>
    (): VerbCase => ({
      before: [
        ['config', 'set', 'test.main', '77', files.config],
        ['config', 'row', 'rm', 'test.main', '77', 'extra'],
        row,
      ],
      args: ['config', 'row', verb, 'test.main', '77', 'extra', ...more],
    });
  const onTable =
    (verb: string, ...more: string[]) =>
    (): VerbCase => {
      const id = `in.c-geo.${fresh()}`;
      return { before: [['storage', 'import', id, files.table]], args: ['storage', 'table', verb, id, ...more] };
    };
  const token = ['storage', 'token', 'create', '--description', 'one'];
  return {
    init: () => ({ args: ['init', '--project', `${site.folder}/${fresh()}`] }),
    run: () => ({ args: ['run', files.jobFile] }),
    resume: () => ({ args: ['resume', job] }),
    plan: () => ({ args: ['plan', 'test.main', '--config', '12', '--row', 'r2'] }),
    'validate config': () => ({ args: ['validate', 'config', files.config, '--component', 'test.main'] }),
    'validate component': () => ({ args: ['validate', 'component', files.definition] }),
    'validate manifest': () => ({ args: ['validate', 'manifest', files.manifest] }),
    'validate data': () => ({ args: ['validate', 'data', site.folder], code: 1 }),
    jobs: () => ({ args: ['jobs'], fits: true }),
    show: () => ({ args: ['show', job] }),
    logs: () => ({ args: ['logs', 'latest'] }),
    'image pull': () => ({ args: ['image', 'pull', 'test/shell:1', '--policy', 'never'] }),
    'image import': () => ({ args: ['image', 'import', files.image] }),
    'image export': () => ({ args: ['image', 'export', 'test/shell:1', '-o', `${site.folder}/out.tar`] }),
    'image inspect': () => ({ args: ['image', 'inspect', 'test/shell:1'] }),
    'image prune': () => ({ args: ['image', 'prune', '--all', '--dry-run'] }),
    'image ls': () => ({ args: ['image', 'ls'], fits: true }),
    'image rm': () => ({
      before: [['image', 'import', files.image, '--name', 'test/gone:1']],
      args: ['image', 'rm', 'test/gone:1'],
    }),
    'check-image': () => ({ args: ['check-image', 'test/shell:1', '--timeout', '5'] }),
    'storage import': () => ({ args: ['storage', 'import', 'in.c-geo.more', files.table] }),
    'storage export': () => ({ args: ['storage', 'export', 'in.c-geo.cities', '--columns', 'id'], raw: true }),
    'storage ls': () => ({ args: ['storage', 'ls'], fits: true }),
    'storage show': () => ({ args: ['storage', 'show', 'in.c-geo.cities'] }),
    'storage bucket create': () => ({ args: ['storage', 'bucket', 'create', `in.c-${fresh()}`] }),
    'storage bucket ls': () => ({ args: ['storage', 'bucket', 'ls'], fits: true }),
    'storage bucket show': () => ({ args: ['storage', 'bucket', 'show', 'in.c-geo'] }),
    'storage bucket rm': () => {
      const id = `in.c-${fresh()}`;
      return { before: [['storage', 'bucket', 'create', id]], args: ['storage', 'bucket', 'rm', id] };
    },
    'storage table create': () => ({ args: ['storage', 'table', 'create', `in.c-geo.${fresh()}`, '--column', 'a'] }),
    'storage table ls': () => ({ args: ['storage', 'table', 'ls'], fits: true }),
    'storage table show': () => ({ args: ['storage', 'table', 'show', 'in.c-geo.cities'] }),
    'storage table import': () => ({ args: ['storage', 'table', 'import', 'in.c-geo.more', files.table] }),
    'storage table export': () => ({ args: ['storage', 'table', 'export', 'in.c-geo.cities'], raw: true }),
    'storage table rename': onTable('rename', `in.c-geo.${fresh()}`),
    'storage table key': onTable('key', 'id'),
    'storage table add-column': onTable('add-column', 'more'),
    'storage table drop-column': onTable('drop-column', 'name', '--force'),
    'storage table truncate': onTable('truncate', '--force'),
    'storage table rm': onTable('rm', '--force'),
    'storage file put': () => ({ args: ['storage', 'file', 'put', files.table, '--tag', nasty] }),
    'storage file get': () => ({ args: ['storage', 'file', 'get', '1'], raw: true }),
    'storage file ls': () => ({ args: ['storage', 'file', 'ls'], fits: true }),
    'storage file tag': () => ({ args: ['storage', 'file', 'tag', '1', 'seen'] }),
    'storage file rm': () => ({
      before: [['storage', 'file', 'put', files.table]],
      args: ['storage', 'file', 'rm', 'ID', '--force'],
    }),
    'storage metadata ls': () => ({ args: ['storage', 'metadata', 'ls', 'in.c-geo.cities'] }),
    'storage metadata set': () => ({ args: ['storage', 'metadata', 'set', 'in.c-geo.cities', 'colour', nasty] }),
    'storage metadata rm': () => ({
      before: [['storage', 'metadata', 'set', 'in.c-geo.cities', 'shade', 'x']],
      args: ['storage', 'metadata', 'rm', 'in.c-geo.cities', 'shade'],
    }),
    'storage token create': () => ({ args: token }),
    'storage token ls': () => ({ args: ['storage', 'token', 'ls'], fits: true }),
    'storage token show': () => ({ args: ['storage', 'token', 'show'] }),
    'storage token refresh': () => ({ before: [token], args: ['storage', 'token', 'refresh', '2'] }),
    'storage token rm': () => ({ before: [token], args: ['storage', 'token', 'rm', 'ID'] }),
    'component add': () => ({ args: ['component', 'add', files.definition] }),
    'component ls': () => ({ args: ['component', 'ls'], fits: true }),
    'config set': () => ({ args: stored }),
    'config show': () => ({ args: ['config', 'show', 'test.main', '12'] }),
    'config ls': () => ({ args: ['config', 'ls'], fits: true }),
    'config versions': config('versions'),
    'config diff': () => ({ ...config('diff')(), before: [stored, ['config', 'set', 'test.main', '77', files.row]] }),
    'config rollback': config('rollback', '1'),
    'config copy': () => config('copy', fresh())(),
    'config enable': config('enable'),
    'config disable': config('disable'),
    'config rm': () => {
      const id = fresh();
      return { before: [['config', 'set', 'test.main', id, files.config]], args: ['config', 'rm', 'test.main', id] };
    },
    'config restore': () => {
      const id = fresh();
      const before = [
        ['config', 'set', 'test.main', id, files.config],
        ['config', 'rm', 'test.main', id],
      ];
      return { before, args: ['config', 'restore', 'test.main', id] };
    },
    'config row add': () => ({
      before: [stored],
      args: ['config', 'row', 'add', 'test.main', '77', fresh(), files.row],
    }),
    'config row set': onRow('set', files.row),
    'config row show': onRow('show'),
    'config row ls': () => ({ before: [stored], args: ['config', 'row', 'ls', 'test.main', '12'], fits: true }),
    'config row rm': onRow('rm'),
    'config row move': onRow('move', '--to', '1'),
    'config row enable': onRow('enable'),
    'config row disable': onRow('disable'),
    'config state show': () => ({ args: ['config', 'state', 'show', 'test.main', '12'] }),
    'config state set': () => ({ before: [stored], args: ['config', 'state', 'set', 'test.main', '77', files.state] }),
    'config state reset': () => ({ before: [stored], args: ['config', 'state', 'reset', 'test.main', '77'] }),
    'project upgrade': () => ({ args: ['project', 'upgrade'] }),
    'project feature': () => ({ args: ['project', 'feature'] }),
    'project reset-token': () => ({ args: ['project', 'reset-token'] }),
    sweep: () => ({ args: ['sweep', '--dry-run'] }),
    completion: () => ({ args: ['completion', 'bash'], raw: true }),
  };
}
