import { expect, test } from 'vitest';
import { shell } from '../support/components.ts';
import { inTerminal } from '../support/screen.ts';
import { mainDefined, type Site, useTenant } from '../support/site.ts';

const tenant = useTenant(import.meta.filename);

/** A command line for every documented code; answers what it ended with. */
const cases: Readonly<Record<number, (site: Site) => Promise<number>>> = {
  0: async (site) => (await site.script('true')).code,
  1: async (site) => (await site.script('echo "no such city" >&2; exit 1')).code,
  2: async (site) => (await site.script('exit 2')).code,
  3: async (site) => (await site.run(['--address', '/nowhere.sock', 'image', 'ls'])).code,
  64: async (site) => (await site.run(['run', 'test.main'])).code,
  130: (site) => stopped(site, 'SIGINT'),
  143: (site) => stopped(site, 'SIGTERM'),
};

async function stopped(site: Site, signal: NodeJS.Signals): Promise<number> {
  const parameters = shell('trap "exit 0" TERM; echo ready; sleep 60 & wait');
  const running = site.startJob({ component: 'test.main', configData: { parameters } });
  await running.line(({ type }) => type === 'log');
  running.kill(signal);
  return (await running.done).code;
}

test('every exit code that --help lists is what such a command line ends with, and there is no other', async () => {
  const site = await tenant.site({ prepare: mainDefined });
  const { stdout } = await site.run(['--help']);
  const [, list = ''] = /^Exit codes:\n((?: +\d+ {2}.*\n)+)/m.exec(stdout) ?? [];
  const documented = Array.from(list.matchAll(/^ +(\d+) /gm), ([, code]) => Number(code));
  expect(documented).toEqual(Object.keys(cases).map(Number));
  for (const code of documented) expect({ code, is: await cases[code]?.(site) }).toEqual({ code, is: code });
});

test('colour is where it is wanted: on a terminal, or where it is forced', async () => {
  const site = await tenant.site({ prepare: mainDefined });
  await site.script('exit 1');
  const logs = async (args: readonly string[], env: NodeJS.ProcessEnv = {}) =>
    (await site.run(['logs', 'latest', '--all', ...args], { env })).stdout.includes('\x1b[');
  expect(await logs([])).toBe(false);
  expect(await logs([], { FORCE_COLOR: '1' })).toBe(true);
  expect(await logs([], { FORCE_COLOR: '1', NO_COLOR: '1' })).toBe(true);
  expect(await logs(['--no-color'], { FORCE_COLOR: '1' })).toBe(false);
  const shown = async (env: NodeJS.ProcessEnv, ...args: string[]) =>
    (await inTerminal(['logs', 'latest', '--all', ...args], { env: { ...site.env, ...env } })).stdout.includes('\x1b[');
  expect(await shown({})).toBe(true);
  expect(await shown({}, '--no-color')).toBe(false);
  expect(await shown({ NO_COLOR: '1' })).toBe(false);
  expect(await shown({ TERM: 'dumb' })).toBe(false);
  expect(await shown({ FORCE_COLOR: '0' })).toBe(false);
});
