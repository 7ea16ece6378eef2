import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { useAlone } from '../support/alone.ts';
import { shell } from '../support/components.ts';
import { networkLeftovers } from '../support/networks.ts';
import { nodeAddress, type Outside, openOutside, outside } from '../support/outside.ts';
import { networksOf, type Site, useTenant } from '../support/site.ts';

useAlone('networks');

const tenant = useTenant(import.meta.filename);
const place = networksOf(tenant.name);
const { server, internal, metadata, port } = outside;

let beside: Outside;
beforeAll(async () => {
  beside = await openOutside();
});
afterAll(() => beside[Symbol.asyncDispose]());

const config = { networks: { ...place, noInternetAllow: [`${internal}:${port}`], nameServers: [server] } };

/** One component for each network, and one that names none. */
async function all(site: Site): Promise<void> {
  for (const network of ['bridge', 'no-internet', 'none']) await site.define(`test.${network}`, { network });
  await site.define('test.silent', { network: undefined });
}

const site = async (more: object = {}): Promise<Site> =>
  await tenant.site({ prepare: all, config: { ...config, ...more } });

/** Prints for each address whether somebody answers there. */
function asking(places: readonly string[]): string {
  const ask = String.raw`printf 'GET / HTTP/1.0\r\n\r\n' | nc -w 2`;
  return places.map((one) => `echo "${one} $(${ask} ${one.replace(':', ' ')} 2>/dev/null | tail -n 1)"`).join('; ');
}

function job(component: string, script: string): object {
  return { component, configData: { parameters: shell(script) } };
}

describe('a job', () => {
  const places = [server, internal, metadata].map((address) => `${address}:${port}`);
  const from = `from ${nodeAddress}`;

  test.each([
    ['test.bridge', [from, from, '', '']],
    ['test.silent', [from, from, '', '']],
    ['test.no-internet', ['', from, '', '']],
    ['test.none', ['', '', '', '']],
  ])('of %s reaches what its network lets it reach', async (component, expected) => {
    const here = await site();
    const asked = [...places, `127.0.0.1:${beside.nodePort}`];
    const ran = await here.job(job(component, asking(asked)));
    expect(ran.code, ran.stdout + ran.stderr).toBe(0);
    const said = ran.lines.filter(({ type }) => type === 'log').map(({ message }) => message.trimEnd());
    expect(said).toEqual(asked.map((one, index) => `${one} ${expected[index]}`.trimEnd()));
    expect(ran.result.warnings.filter((warning: string) => !warning.includes('ip_forward'))).toEqual([]);
  });

  test('has a network in each stage', async () => {
    const here = await site();
    const processor = { definition: { component: 'test.no-internet' }, parameters: shell(asking(places)) };
    const configData = { parameters: shell(asking(places)), processors: { before: [processor], after: [processor] } };
    const ran = await here.job({ component: 'test.bridge', configData });
    expect(ran.code, ran.stdout + ran.stderr).toBe(0);
    const answered = ran.lines.filter(({ type, message }) => type === 'log' && message.endsWith(from));
    expect(answered.map(({ stage, message }) => [stage, message.split(' ')[0]])).toEqual([
      [0, places[1]],
      [1, places[0]],
      [1, places[1]],
      [2, places[1]],
    ]);
  });

  test('that is killed is swept with its network, and the sweep says so', async () => {
    const here = await site();
    const running = here.startJob(job('test.bridge', 'echo begun; sleep 600'));
    await running.line((line) => line.type === 'log' && line.message === 'begun');
    running.kill('SIGKILL');
    await running.done;
    const left = (await networkLeftovers(place)).map((line) => line.split(' ')[0]);
    expect([...new Set(left)]).toEqual(['attachment', 'network', 'leases', 'interface', 'rule']);
    const { lines } = await here.run(['--json', 'sweep']);
    expect(lines.map(({ type, kind }) => [type, kind])).toEqual([
      ['swept', 'container'],
      ['swept', 'job'],
      ['result', undefined],
    ]);
    expect(await networkLeftovers(place)).toEqual([]);
  });

  test('that is killed is resumed with its network', async () => {
    const here = await site();
    const script = `echo begun; while [ ! -e in/files ] || ! nc -w 1 ${server} ${port} </dev/null; do sleep 1; done; sleep 2; ${asking(places)}`;
    const running = here.startJob(job('test.bridge', script));
    await running.line((line) => line.type === 'log' && line.message === 'begun');
    running.kill('SIGKILL');
    await running.done;
    const resumed = await here.run(['--json', 'resume', await here.onlyJob()]);
    expect(resumed.code, resumed.stdout + resumed.stderr).toBe(0);
    expect(resumed.stdout).toContain(`${places[0]} ${from}`);
  });

  test.each(['run row/0/stage/0', 'recorded row/0/stage/0/starting'])(
    'killed at `%s`, before its container starts, is swept with its network',
    async (crashAt) => {
      const here = await site();
      const ran = await here.job(job('test.bridge', 'true'), { crashAt });
      expect(ran.code, ran.stdout + ran.stderr).toBe(137);
      await here.ask(['sweep']);
      expect(await networkLeftovers(place)).toEqual([]);
    },
  );
});

describe('a plan', () => {
  const planned = async (here: Site, component: string): Promise<{ networks: string[]; warnings: string[] }> => {
    const { stdout, stderr, code } = await here.run(['plan', '-'], { input: JSON.stringify(job(component, 'true')) });
    if (code !== 0) throw new Error(stderr);
    const { rows, warnings } = JSON.parse(stdout);
    return { networks: rows[0].stages.map(({ network }: { network: string }) => network), warnings };
  };

  test('without plugins refuses by name who needs a network, and tells who goes without', async () => {
    const here = await site({ networks: { ...config.networks, plugins: ['/nowhere'] } });
    for (const command of ['plan', 'run']) {
      const { code, stderr } = await here.run([command, '-'], { input: JSON.stringify(job('test.bridge', 'true')) });
      expect(code).toBe(3);
      expect(stderr).toContain('component test.bridge needs the network "bridge"');
      expect(stderr).toContain('containernetworking-plugins');
    }
    expect(await planned(here, 'test.none')).toEqual({ networks: ['none'], warnings: [] });
    const { networks, warnings } = await planned(here, 'test.silent');
    expect([networks, warnings]).toEqual([
      ['none'],
      [expect.stringContaining('test.silent names no network and gets none')],
    ]);
  });

  test('under the hardened policy gives no network to who names none', async () => {
    const here = await site({ policy: 'hardened' });
    expect((await planned(here, 'test.bridge')).networks).toEqual(['bridge']);
    const { networks, warnings } = await planned(here, 'test.silent');
    expect([networks, warnings]).toEqual([['none'], [expect.stringContaining('by the hardened policy')]]);
  });
});

test('a configuration that is wrong is refused with every problem', async () => {
  const here = await site({
    networks: { subnet: '10.0.0.1/8', noInternetAllow: ['db.internal', '169.254.169.254:80'] },
  });
  const { code, stderr } = await here.run(['plan', '-'], { input: JSON.stringify(job('test.none', 'true')) });
  expect(code).toBe(1);
  for (const path of ['networks.subnet', 'networks.noInternetAllow.0', 'networks.noInternetAllow.1'])
    expect(stderr).toContain(path);
});

test('jobs in sequence and at once leave nothing, and a sweep beside them finds nothing', async () => {
  const here = await site();
  const turns = Number(process.env.COMPONENTD_TEST_TURNS ?? 4);
  const run = async (): Promise<void> => {
    const ran = await here.job(job('test.bridge', `nc -w 2 ${server} ${port} </dev/null`));
    if (ran.code !== 0) throw new Error(ran.stdout + ran.stderr);
  };
  for (let turn = 0; turn < turns; turn += 1) await run();
  let isRunning = true;
  const sweeping = (async () => {
    while (isRunning) expect((await here.ask(['sweep'])).found).toBe(0);
  })();
  const running = Promise.all(Array.from({ length: 6 }, run)).finally(() => {
    isRunning = false;
  });
  await Promise.all([sweeping, running]);
  expect(await networkLeftovers(place)).toEqual([]);
}, 600_000);
