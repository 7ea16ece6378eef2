import { randomBytes } from 'node:crypto';
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { shell } from '../support/components.ts';
import { filesWith, type JobRun, type Site, useTenant } from '../support/site.ts';

const tenant = useTenant(import.meta.filename);

interface Trap {
  readonly site: Site;
  /** A file of the host, outside of everything that a container may see. */
  readonly canary: string;
  readonly content: string;
  run(script: string, more?: object): Promise<JobRun>;
}

const asRoot = { features: ['container-root-user'], memory: '512m' };
const prepareUser = (site: Site): Promise<void> => site.define('test.main', { memory: '512m' });
const prepareRoot = (site: Site): Promise<void> => site.define('test.main', asRoot);

/** A project, and a secret file on the host that no job may read, change or remove. */
async function trap(definition: object | undefined = undefined): Promise<Trap> {
  const site = await tenant.site({ prepare: definition === asRoot ? prepareRoot : prepareUser });
  const folder = await mkdtemp(join(tmpdir(), 'componentd-test-canary-'));
  onTestFinished(() => rm(folder, { recursive: true }));
  const canary = join(folder, 'shadow');
  const content = `canary:${randomBytes(24).toString('hex')}`;
  await writeFile(canary, content, { mode: 0o600 });
  const output = { default_bucket: 'out.c-e2e' };
  return {
    site,
    canary,
    content,
    run: async (script, more = {}) => {
      const ran = await site.script(script, { storage: { output }, ...more });
      expect(await readFile(canary, 'utf8')).toBe(content);
      expect(await filesWith(site.folder, content)).toEqual([]);
      expect(ran.stdout + ran.stderr).not.toContain(content);
      return ran;
    },
  };
}

async function expectEmptyStorage(site: Site): Promise<void> {
  const { tables, files } = await site.ask(['storage', 'ls']);
  expect([tables, files]).toEqual([[], []]);
}

/** Refused by name, as the component's fault, and nothing has left. */
async function expectRefused({ site }: Trap, { code, result }: JobRun, ...named: readonly string[]): Promise<void> {
  expect({ code, outcome: result.outcome }, result.message).toEqual({ code: 1, outcome: 'user_error' });
  for (const name of named) expect(result.message).toContain(name);
  await expectEmptyStorage(site);
}

describe('in out/files and out/tables', () => {
  test.each([
    ['a link to a file of the host', (path: string) => `ln -s ${path} out/files/stolen`, 'symbolic link'],
    ['a link to /etc/shadow', () => 'ln -s /etc/shadow out/files/stolen', 'symbolic link'],
    ['a dangling link', () => 'ln -s /nowhere out/files/stolen', 'symbolic link'],
    ['a link to itself', () => 'ln -s stolen out/files/stolen', 'symbolic link'],
    ['a link to a file beside it', () => 'echo x > out/files/f; ln -s f out/files/stolen', 'symbolic link'],
    ['a FIFO', () => 'mkfifo out/files/stolen', 'FIFO'],
  ])('%s is refused by name', async (_, make, what) => {
    const here = await trap();
    const files = make(here.canary);
    await expectRefused(here, await here.run(files), 'out/files/stolen', what);
    const tables = files.replaceAll('out/files', 'out/tables');
    await expectRefused(here, await here.run(tables), 'out/tables/stolen', what);
  });

  test.each(['c 1 5', 'c 1 3', 'b 253 0'])(
    'a device (%s) made by a root component is refused by name',
    async (device) => {
      const here = await trap(asRoot);
      const ran = await here.run(`mknod out/files/stolen ${device}; mknod out/tables/stolen ${device}`);
      await expectRefused(here, ran, 'out/files/stolen', 'out/tables/stolen', 'a device');
    },
  );

  test('a socket made by a root component is refused by name', async () => {
    const here = await trap(asRoot);
    const ran = await here.run(`ln -s /data/out/files/stolen /dev/log; syslogd
      until [ -S out/files/stolen ]; do usleep 10000; done`);
    await expectRefused(here, ran, 'out/files/stolen', 'a socket');
  });

  test('links among the slices of a table, and in place of manifests and result.json, are refused or ignored', async () => {
    const here = await trap();
    const slices = `mkdir out/tables/t.csv; echo 1 > out/tables/t.csv/a; ln -s ${here.canary} out/tables/t.csv/b
      echo '{"columns": ["x"]}' > out/tables/t.csv.manifest`;
    await expectRefused(here, await here.run(slices), 'out/tables/t.csv/b');
    const manifest = `echo x > out/files/f; ln -s ${here.canary} out/files/f.manifest`;
    await expectRefused(here, await here.run(manifest), 'out/files/f.manifest');
    const result = await here.run(`ln -s ${here.canary} out/result.json; echo x > out/files/f`);
    expect(result.result.outputVariables).toEqual({});
  });

  test.each(['state.json', 'usage.json'])(
    'a link or a FIFO in place of out/%s fails the job and is not followed',
    async (name) => {
      const here = await trap();
      for (const make of [`ln -s ${here.canary} out/${name}`, `mkfifo out/${name}`, `mkdir out/${name}`]) {
        const { code, result } = await here.run(make);
        expect({ make, code }).toEqual({ make, code: expect.toBeOneOf([1, 2]) });
        expect(result.outcome).not.toBe('success');
      }
    },
  );

  test('a sparse file of 1 TB is refused by name at once, as a file, a table and a slice', async () => {
    const here = await trap();
    const ran = await here.run(`truncate -s 1099511627776 out/files/huge; truncate -s 1099511627776 out/tables/huge.csv
      mkdir out/tables/s.csv; truncate -s 1099511627776 out/tables/s.csv/part; echo '{"columns": ["x"]}' > out/tables/s.csv.manifest`);
    await expectRefused(here, ran, 'out/files/huge', 'out/tables/huge.csv', 'out/tables/s.csv/part', '1099511627776');
    expect(ran.durationMs).toBeLessThan(15_000);
    const documents = ['out/state.json', 'out/usage.json', 'out/files/f.manifest'];
    for (const path of documents) {
      const { code, result } = await here.run(`echo x > out/files/f; truncate -s 1099511627776 ${path}`);
      expect({ path, code }).toEqual({ path, code: expect.toBeOneOf([1, 2]) });
      expect(result.outcome).not.toBe('success');
    }
  });

  test('names with newlines, blanks and quotes leave as they are; a name that is not UTF-8 is refused', async () => {
    const here = await trap();
    const { result } = await here.run(`echo 1 > "out/files/two
lines"; echo 2 > 'out/files/quo"te '"'"' $x'; echo 3 > out/files/žluť; echo 4 > out/files/.hidden`);
    const names = result.output.files.map(({ name }: { name: string }) => name);
    expect(names.sort()).toEqual(['quo"te \' $x', 'two\nlines', 'žluť']);
    const other = await trap();
    await expectRefused(other, await other.run(`echo 1 > "$(printf 'out/files/a\\377b')"`), 'UTF-8');
  });

  test('a hard link to an input is a file of its own', async () => {
    const here = await trap();
    const { result } = await here.run('echo x > in/user/f; ln in/user/f out/files/f; ln out/files/f out/files/g');
    expect(result.outcome).toBe('success');
    expect(result.output.files).toHaveLength(2);
  });

  // containerd has no part in it: in full on one line.
  const many = process.env.COMPONENTD_TEST_RELEASE === '1.6' ? 20_000 : 2_000;
  test(`${many} small files beside a table are told by name or all leave, in little memory`, async () => {
    const here = await trap();
    const ran = await here.run(`cd out/files; seq 1 ${many} | xargs -n 500 touch`);
    expect(ran.result.output.files).toHaveLength(many);
    expect(ran.peakMemoryBytes).toBeLessThan(250e6);
    // It takes its time beside another run.
  }, 180_000);

  test('more than 100,000 entries, and a manifest beyond 16 MiB, are refused', async () => {
    const here = await trap();
    await expectRefused(here, await here.run('cd out/files; seq 1 100001 | xargs -n 5000 touch'), '100000');
    const wide = 'echo x > out/files/f; head -c 17000000 /dev/zero | tr "\\\\0" " " > out/files/f.manifest';
    await expectRefused(here, await here.run(wide), 'f.manifest');
    const deep = `echo x > out/files/f; head -c 1000000 /dev/zero | tr "\\\\0" "[" > out/files/f.manifest`;
    await expectRefused(here, await here.run(deep), 'f.manifest');
  });
});

describe('folders that a component bends', () => {
  test.each([
    ['out', 'rm -r out; ln -s CANARY out', 'out'],
    ['out/tables', 'rm -r out/tables; ln -s CANARY out/tables', 'out/tables'],
    ['out/files', 'rm -r out/files; ln -s CANARY out/files', 'out/files'],
    ['out as a file', 'rm -r out; echo x > out', 'out'],
    ['out as a FIFO', 'rm -r out; mkfifo out', 'out'],
  ])('%s is refused by name', async (_, script, named) => {
    const here = await trap();
    await expectRefused(here, await here.run(script.replace('CANARY', join(here.canary, '..'))), named);
  });

  test('out that is gone altogether is refused or empty, never a crash', async () => {
    const here = await trap();
    const { code } = await here.run('rm -r out');
    expect(code).toBeLessThanOrEqual(1);
    await expectEmptyStorage(here.site);
  });

  test('config.json and in/state.json as links do not lead the next stage’s documents out of /data', async () => {
    const here = await trap();
    await here.site.define('test.before');
    const before = `rm -f config.json; ln -s ${here.canary} config.json; rm -rf out/tables
      ln -s ${join(here.canary, '..')} out/tables; ln -s ${here.canary} out/state.json`;
    const { result } = await here.run('test ! -L config.json; test ! -L in/state.json; cat in/state.json', {
      processors: { before: [{ definition: { component: 'test.before' }, parameters: shell(before) }] },
    });
    expect(result.stages[0].map(({ outcome }: { outcome: string }) => outcome)).toEqual(['success', 'success']);
  });

  test('in as a link is not filled for the next stage', async () => {
    const here = await trap();
    await here.site.define('test.after');
    await here.run(`rm -rf in; ln -s ${join(here.canary, '..')} in`, {
      processors: { after: [{ definition: { component: 'test.after' }, parameters: shell('ls in/') }] },
    });
    await here.run(`rm -rf in out; ln -s ${join(here.canary, '..')} in; ln -s ${join(here.canary, '..')} out`, {
      processors: { after: [{ definition: { component: 'test.after' }, parameters: shell('ls in/') }] },
    });
  });

  test('a root component’s links are not followed when ownership is given back', async () => {
    const here = await trap(asRoot);
    const { uid, mode } = await stat(here.canary);
    await here.run(`ln -s ${here.canary} out/files/l; ln -s ${join(here.canary, '..')} out/files/d; chmod 0 out`);
    const after = await stat(here.canary);
    expect([after.uid, after.mode]).toEqual([uid, mode]);
  });

  test('a tree deeper than any path is removed, by a root component too', async () => {
    const dig = `cd out/files; d=$(head -c 200 /dev/zero | tr '\\0' d); i=0
      while [ $i -lt 60 ]; do mkdir $d; cd -P $d 2>/dev/null || break; i=$((i + 1)); done; echo deep $i`;
    for (const definition of [undefined, asRoot]) {
      const here = await trap(definition);
      const { lines, result } = await here.run(dig);
      const [deep] = lines.filter(({ message }) => `${message}`.startsWith('deep '));
      expect(Number(deep?.message.split(' ')[1])).toBeGreaterThan(20);
      expect(result.outcome).toBe('success');
    }
  });
});

describe('a component that goes on while its output is taken', () => {
  const swap = (canary: string): string => `
    mkdir out/tables/real out/files/real; echo mine > out/files/real/shadow; echo mine > out/files/f
    ( trap '' TERM HUP; while :; do
      mv out/files/f out/files/h 2>/dev/null; ln -s ${canary} out/files/f 2>/dev/null; rm out/files/f; mv out/files/h out/files/f
      mv out out2; ln -s ${join(canary, '..')} out; rm out; mv out2 out
    done ) > /dev/null 2>&1 &
    usleep 300000`;

  test.each([1, 2, 3, 4])('and swaps files and folders for links gives no byte of the host (%i)', async () => {
    const here = await trap();
    const { code } = await here.run(`${swap(here.canary)}\nexit 0`);
    // Whatever state the kernel froze it in: a folder, a link, or nothing.
    expect(code).toBeLessThanOrEqual(1);
  });

  test.each([1, 2])('and swaps them while the next stages begin gives no byte either (%i)', async () => {
    const here = await trap();
    await here.site.define('test.after');
    const after = { definition: { component: 'test.after' }, parameters: shell(`${swap(here.canary)}\nexit 0`) };
    const { code } = await here.run(`${swap(here.canary)}\nexit 0`, { processors: { after: [after, after] } });
    expect(code).toBeLessThanOrEqual(1);
  });
});
