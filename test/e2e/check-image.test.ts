import { mkdir, readdir, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, inject, test } from 'vitest';
import type { ImageSpec, LayerSpec } from '../../scripts/lib/oci-image.ts';
import { pushImage } from '../../scripts/lib/push-image.ts';
import type { Line, Ran } from '../support/cli.ts';
import { build, busyboxLayer } from '../support/components.ts';
import { type Given, type Site, useTenant } from '../support/site.ts';

const tenant = useTenant(import.meta.filename);

/** An archive of an image that runs a shell script in `/data`. */
async function image(name: string, script: string, more: Partial<ImageSpec> & { layer?: LayerSpec } = {}) {
  const { layer, config, ...spec } = more;
  // A script that is held up by a busy machine could be asked to stop.
  const trap = /^ignores|handler/.test(name) ? '' : "trap 'exit 0' TERM\n";
  const main = { content: `#!/bin/sh\n${trap}${script}\n`, mode: 0o755 };
  return await build(tenant.folder, {
    name: `check/${name}:1`,
    layers: [{ ...(await busyboxLayer()), 'main.sh': main, ...layer }],
    config: { Entrypoint: ['/main.sh'], Env: ['PATH=/bin'], WorkingDir: '/data', ...config },
    ...spec,
  });
}

async function check(site: Site, args: readonly string[], options?: Given): Promise<Ran> {
  const ran = await site.run(['--json', 'check-image', ...args], options);
  expect(await readdir(join(site.stateDir, 'jobs')).catch(() => [])).toEqual([]);
  return ran;
}

/** What was neither well nor without anything to see, by check. */
function complaints({ lines }: Ran): Readonly<Record<string, string>> {
  const told = lines.filter(({ type, status }) => type === 'check' && (status === 'failed' || status === 'warning'));
  return Object.fromEntries(told.map((line) => [`${line.check} ${line.status}`, line.saw as string]));
}

function lineOf({ lines }: Ran, name: string): Line | undefined {
  return lines.find(({ type, check: told }) => type === 'check' && told === name);
}

const good = `
trap 'exit 0' TERM
echo '{"columns":["id","name"],"primary_key":["id"]}' > out/tables/t.csv.manifest
echo '1,"a"' > out/tables/t.csv
echo '{"last":1}' > out/state.json
echo '[{"metric":"calls","value":2}]' > out/usage.json
sleep 1.5 & wait $!`;

describe('an image that keeps the contract', () => {
  test('has no complaint, and every check is told once with a reason', async () => {
    const site = await tenant.site();
    const ran = await check(site, [await image('good', good)]);
    expect(complaints(ran), ran.stdout + ran.stderr).toEqual({});
    expect(ran.code).toBe(0);
    const told = ran.lines.filter(({ type }) => type === 'check');
    expect(new Set(told.map((line) => line.check)).size).toBe(told.length);
    expect(told.every(({ title, why, saw }) => [title, why, saw].every((text) => text.length > 0))).toBe(true);
    expect(lineOf(ran, 'tables')?.saw).toBe('t.csv: 2 columns, 1 row');
    expect(lineOf(ran, 'stop')).toMatchObject({ status: 'ok', saw: expect.stringContaining('exit code 0') });
    expect(ran.lines.at(-1)).toMatchObject({ type: 'result', isKept: true, counts: { failed: 0, warning: 0 } });
  });

  test('is pulled from a registry, and nothing of it stays', async () => {
    const site = await tenant.site();
    const host = inject('registryHost');
    const reference = `${host}/check/pulled:1`;
    await pushImage(await image('pulled', good), `http://${host}`, 'check/pulled:1');
    const ran = await check(site, [reference]);
    expect({ code: ran.code, complaints: complaints(ran) }, ran.stderr).toEqual({ code: 0, complaints: {} });
    expect((await site.ask(['image', 'ls'])).images.map(({ name }: Line) => name)).not.toContain(reference);
  });

  test('that is on the node is used as it is, and stays', async () => {
    const site = await tenant.site();
    const { code, lines } = await check(site, ['test/shell:1']);
    expect(code).toBe(0);
    expect(lines.filter(({ type }) => type === 'layer').every(({ status }) => status === 'exists')).toBe(true);
    expect((await site.ask(['image', 'ls'])).images).toHaveLength(1);
  });

  test('gets copies of inputs, and the configuration beside them', async () => {
    const site = await tenant.site();
    const data = join(site.folder, 'data');
    await mkdir(join(data, 'in', 'tables'), { recursive: true });
    await writeFile(join(data, 'in', 'tables', 'x.csv'), 'id\n1\n');
    await symlink('/etc/passwd', join(data, 'in', 'passwd'));
    await writeFile(join(data, 'config.json'), '{"parameters": {"city": "Brno"}}');
    const script = `grep -q Brno config.json && cp in/tables/x.csv out/tables/ && [ ! -e in/passwd ] && rm in/tables/x.csv`;
    const ran = await check(site, [await image('inputs', script), '--data', data]);
    expect(complaints(ran)).toEqual({ 'inputs warning': 'in/tables/x.csv was removed' });
    expect(lineOf(ran, 'tables')?.saw).toBe('x.csv: 1 column, 1 row');
    expect(await readdir(join(data, 'in', 'tables'))).toEqual(['x.csv']);
  });
});

describe('each fault has exactly its line', () => {
  type Case = [
    name: string,
    script: string,
    told: Readonly<Record<string, RegExp>>,
    more?: Parameters<typeof image>[2],
  ];
  const cases: readonly Case[] = [
    ['no entrypoint', '', { 'command failed': /neither an ENTRYPOINT nor a CMD/ }, { config: { Entrypoint: [] } }],
    [
      'no executable bit',
      '',
      { 'command failed': /"\/run" is not an executable file/ },
      { layer: { run: { content: '#!/bin/sh\n', mode: 0o644 } }, config: { Entrypoint: ['/run'] } },
    ],
    [
      'executable for root only',
      '',
      { 'command failed': /may not be executed by user 1000:1000/ },
      { layer: { run: { content: '#!/bin/sh\n', mode: 0o700 } }, config: { Entrypoint: ['/run'] } },
    ],
    [
      'no interpreter',
      '',
      { 'command failed': /"\/run" needs the interpreter "\/usr\/bin\/python3", which does not exist/ },
      { layer: { run: { content: '#!/usr/bin/python3\n', mode: 0o755 } }, config: { Entrypoint: ['/run'] } },
    ],
    [
      'CR LF',
      '',
      { 'command failed': /"\/bin\/sh", which does not exist: its first line ends in CR LF/ },
      { layer: { run: { content: '#!/bin/sh\r\n', mode: 0o755 } }, config: { Entrypoint: ['/run'] } },
    ],
    [
      'a file at /data',
      '',
      { 'run failed': /its \/data is no directory/ },
      { layer: { data: 'x' }, config: { WorkingDir: '/' } },
    ],
    ['wrong platform', '', { 'platform failed': /made for linux\/s390x, not for linux\// }, { architecture: 's390x' }],
    [
      'settings without effect',
      '',
      { 'ignored warning': /^VOLUME \/cache, EXPOSE 80\/tcp, HEALTHCHECK, STOPSIGNAL SIGINT$/ },
      {
        config: {
          Volumes: { '/cache': {}, '/data': {} },
          ExposedPorts: { '80/tcp': {} },
          Healthcheck: { Test: ['CMD', 'true'] },
          StopSignal: 'SIGINT',
        },
      },
    ],
    [
      'working directory in out',
      '',
      { 'workdir warning': /\/data\/out lies/ },
      { config: { WorkingDir: '/data/out' } },
    ],
    ['ignores SIGTERM', `trap '' TERM; sleep 2`, { 'stop warning': /ignores SIGTERM/ }],
    ['no handler', 'sleep 2; exit 0', { 'stop warning': /no handler for SIGTERM/ }],
    [
      'a handler that does not end',
      `trap 'echo no' TERM; while [ $((n += 1)) -lt 30 ]; do sleep 0.1; done`,
      { 'stop warning': /handles SIGTERM and had not ended/ },
    ],
    [
      'a broken manifest',
      `echo '{"columns":' > out/tables/t.csv.manifest; echo x > out/tables/t.csv`,
      { 'manifests failed': /out\/tables\/t\.csv\.manifest:\d+:\d+: is not JSON/ },
    ],
    [
      'an unknown key and an orphan',
      `echo '{"colums":[]}' > out/files/f.manifest; echo x > out/files/f; echo '{}' > out/tables/gone.manifest`,
      { 'manifests failed': /gone\.manifest: is a manifest without its table.*unknown key/ },
    ],
    ['a ragged table', `printf 'a,b\\n1\\n' > out/tables/t.csv`, { 'tables failed': /line 2, column/ }],
    [
      'other columns than declared',
      `echo '{"columns":["a","b"]}' > out/tables/t.csv.manifest; echo 1 > out/tables/t.csv`,
      { 'tables failed': /line 1, column/ },
    ],
    [
      'slices without columns',
      'mkdir out/tables/t; echo 1 > out/tables/t/1',
      { 'tables failed': /slices needs "columns"/ },
    ],
    ['state that is no object', `echo '"x"' > out/state.json`, { 'state failed': /a single value, not an object/ }],
    ['state that is no JSON', `echo '{' > out/state.json`, { 'state failed': /out\/state\.json: / }],
    ['wrong usage', `echo '[{"metric":""}]' > out/usage.json`, { 'documents failed': /usage\.json/ }],
    ['needs root', 'echo x > /etc/x', { 'rights failed': /as 1000:1000 it exits with 1, as root with 0: .*denied/ }],
    ['prints its secret', 'cat config.json', { 'secrets warning': /printed to stdout/ }],
    ['a link in out', 'ln -s /etc/passwd out/files/p', { 'regular failed': /out\/files\/p: is a symbolic link/ }],
    [
      'out/tables is a link',
      'rm -r out/tables; ln -s /etc out/tables',
      { 'regular failed': /out\/tables: is a symbolic link/ },
    ],
    ['out is a link', 'rm -r out; ln -s /etc out', { 'regular failed': /out in the data folder is not a directory/ }],
    [
      'a folder that nobody can read',
      'chmod 0 out/tables',
      { 'regular warning': /out\/tables cannot be read by its owner/ },
    ],
    ['a folder in out/files', 'mkdir out/files/d; echo 1 > out/files/d/f', { 'regular warning': /do not leave/ }],
    [
      'changes in',
      'echo x > in/files/f; echo {} > config.json',
      { 'inputs warning': /^config\.json was changed; in\/files\/f was added$/ },
    ],
    [
      'writes to its root',
      'echo x > /cache/x',
      { 'root warning': /gone after the run: \/cache\/x/ },
      { layer: { cache: { directory: true, mode: 0o777 } } },
    ],
    ['output that is no text', `printf '\\377\\n'`, { 'output warning': /stdout is not UTF-8/ }],
    ['a daemon', `trap 'exit 0' TERM; setsid sleep 60 & sleep 0.3 & wait $!`, { 'processes warning': /killed: sleep/ }],
    ['a missing program', 'nosuchprogram', { 'run failed': /^127 .*nosuchprogram: not found/ }],
    ['exit 2', 'echo odd >&2; exit 2', { 'run warning': /^2 .*an error of the component, "odd"/ }],
    [
      'out of memory',
      `trap 'exit 0' TERM; tail /dev/zero & wait $!; exit $?`,
      { 'run failed': /out of memory; its limit is 32M/ },
    ],
  ];

  test.each<Case>([...cases])('%s', async (...[name, script, told, more]: Case) => {
    const site = await tenant.site({ config: { graceMs: 500 } });
    const archive = await image(name.replace(/[^a-z]/g, ''), script, more);
    const ran = await check(site, [archive, '--timeout', '20', '--memory', '32m']);
    const found = complaints(ran);
    const expected = Object.fromEntries(
      Object.entries(told).map(([line, text]) => [line, expect.stringMatching(text) as unknown]),
    );
    expect(found, ran.stderr).toEqual(expected);
    expect(ran.code).toBe(Object.keys(told).some((line) => line.endsWith('failed')) ? 1 : 0);
    expect(ran.lines.filter(({ type, hint, status }) => type === 'check' && status === 'failed' && !hint)).toEqual([]);
  });

  test('an endless component is ended', async () => {
    const site = await tenant.site();
    const ran = await check(site, [
      await image('endless', `trap 'exit 0' TERM; while :; do sleep 0.1; done`),
      '--timeout',
      '1',
    ]);
    expect(complaints(ran)).toEqual({ 'run failed': expect.stringContaining('longer than 1 s') });
  });
});

describe('with a configuration', () => {
  test('exit 2 breaks the contract, and so does a table that it maps and nobody wrote', async () => {
    const site = await tenant.site();
    const output = { tables: [{ source: 't.csv', destination: 'out.c-a.t' }] };
    const config = await site.file(
      'c.json',
      JSON.stringify({ parameters: { '#key': 'k-4711-k' }, storage: { output } }),
    );
    const told = async (name: string, script: string) =>
      complaints(await check(site, [await image(name, script), '--config', config]));
    expect(await told('exits', 'grep -q key config.json && exit 2')).toEqual({
      'run failed': expect.stringContaining('with your configuration'),
      'message warning': expect.stringContaining('printed nothing'),
      'regular warning': expect.stringContaining('t.csv'),
    });
    expect(await told('maps', 'sed -n s/.*#key//p config.json | tr -d \\":')).toEqual({
      'secrets warning': expect.stringContaining('stdout'),
      'regular failed': expect.stringContaining('is in the output mapping'),
    });
    expect(await told('strict', 'grep -q key config.json || exit 3; echo a > out/tables/t.csv')).toEqual({
      'mistake warning': 'without its parameters it exits with 3',
    });
  });

  test('mistakes of whoever asks are told before anything is fetched', async () => {
    const site = await tenant.site();
    const bad = await site.file('bad.json', '{"storage": {"inptu": {}}}');
    const asked = async (...args: string[]) => {
      const { code, stdout, stderr } = await site.run(['check-image', ...args]);
      expect(stdout).toBe('');
      return [code, stderr.split('\n')[0]];
    };
    expect(await asked('x.tar')).toEqual([1, expect.stringContaining('x.tar cannot be read')]);
    expect(await asked('x', '--config', bad)).toEqual([1, expect.stringContaining('did you mean "input"?')]);
    expect(await asked('x', '--data', site.folder)).toEqual([1, expect.stringContaining('has no folder "in"')]);
    expect(await asked('x', '--timeout', '0')).toEqual([64, expect.stringContaining('--timeout 0')]);
    expect(await asked('x', '--memory', '5')).toEqual([64, expect.stringContaining('--memory 5')]);
    expect((await asked('127.0.0.1:1/x/y:1'))[0]).toBe(3);
  });
});

describe('nothing is left', () => {
  const endless = 'echo begun; exec sleep 600';

  async function begun(site: Site, archive: string) {
    const running = site.start(['--json', 'check-image', archive]);
    await running.line((line) => line.type === 'check' && line.check === 'ignored');
    await delay(700);
    return running;
  }

  test('after Ctrl-C', async () => {
    const site = await tenant.site();
    const running = await begun(site, await image('interrupted', endless));
    running.kill('SIGINT');
    expect((await running.done).code).toBe(130);
    expect(await readdir(join(site.stateDir, 'jobs'))).toEqual([]);
  });

  test('after kill -9 and a sweep; a sweep before that leaves it alone', async () => {
    const site = await tenant.site();
    const running = await begun(site, await image('killed', endless));
    expect((await site.ask(['sweep'])).found).toBe(0);
    running.kill('SIGKILL');
    await running.done;
    const { code, lines } = await site.run(['--json', 'sweep']);
    expect(code).toBe(0);
    expect(lines.flatMap(({ kind }) => kind ?? [])).toEqual(['container', 'job', 'lease']);
    expect(await readdir(join(site.stateDir, 'jobs'))).toEqual([]);
  });
});

test('people read one line for each check, and what to do about those that are not well', async () => {
  const site = await tenant.site();
  const { code, stdout } = await site.run(['check-image', await image('read', `printf '\\033[2Jx' > out/state.json`)]);
  expect(code).toBe(1);
  expect(stdout).not.toContain('\x1b');
  const lines = stdout.trimEnd().split('\n');
  const at = lines.findIndex((line) => line.startsWith('failed'));
  expect(lines.slice(at, at + 3)).toEqual([
    expect.stringMatching(/^failed {3}state {2,}out\/state\.json: /),
    expect.stringMatching(/^ {9}State: /),
    expect.stringMatching(/^ {9}Write one JSON object/),
  ]);
  expect(lines.at(-1)).toMatch(/^The image breaks the contract: \d+ ok, 1 failed, /);
});
