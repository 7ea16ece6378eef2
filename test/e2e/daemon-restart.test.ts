import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Ran } from '../support/cli.ts';
import { shell } from '../support/components.ts';
import { type PrivateContainerd, startContainerd } from '../support/containerd.ts';
import { type GrpcProxy, startGrpcProxy } from '../support/grpc-proxy.ts';
import { expectNothingLeft } from '../support/nothing-left.ts';
import { type Site, useTenant } from '../support/site.ts';

const tenant = useTenant(import.meta.filename);

let daemon: PrivateContainerd;
let proxy: GrpcProxy;
beforeAll(async () => {
  daemon = await startContainerd();
  proxy = await startGrpcProxy(daemon);
});
afterAll(async () => {
  await proxy[Symbol.asyncDispose]();
  await daemon.stop();
});

const working = (name: string) => ({
  parameters: shell(
    `cp -r in/files/. out/files/ 2>/dev/null || true; echo ${name} >> out/files/runs.txt; echo ${name}`,
  ),
});
const processor = (name: string) => ({ definition: { component: 'test.main' }, ...working(name) });

const body = {
  component: 'test.main',
  configData: { ...working('main'), processors: { after: [processor('after')] } },
};

/** One site for every restart: it is the daemon that is new each time. */
async function openSite(): Promise<Site> {
  const site = await tenant.site({ address: proxy.address, prepare: (fresh) => fresh.define('test.main') });
  await site.ask(['image', 'import', join(tenant.folder, 'test-shell-1.tar')]);
  return site;
}

/** Everything came to the right end: each stage has run once, and its line is there once. */
async function expectRight(site: Site, { code, stdout, stderr, lines }: Ran): Promise<void> {
  expect(code, stdout + stderr).toBe(0);
  const result = lines.at(-1);
  expect(result).toMatchObject({ type: 'result', outcome: 'success' });
  const events = await site.events(result?.job);
  expect(events.filter(({ type }) => type === 'log').map(({ message }) => message)).toEqual(['main', 'after']);
}

interface Cut {
  readonly method: string;
  readonly moment: 'before' | 'after';
  /** Which of the calls of this method. */
  readonly nth: number;
}

/** Before and after the first call of each method in a job's life, and the last one. */
async function cutsOfAJob(site: Site): Promise<readonly Cut[]> {
  const calls = new Map<string, number>();
  proxy.before = (method) => void calls.set(method, (calls.get(method) ?? 0) + 1);
  const ran = await site.startJob(body).done;
  proxy.before = () => undefined;
  await expectRight(site, ran);
  expect([...calls.keys()]).toEqual(expect.arrayContaining(['Images.Get', 'Tasks.Create', 'Snapshots.Remove']));
  const moments = ['before', 'after'] as const;
  return [...calls].flatMap(([method, times]) =>
    [...new Set([1, times])].flatMap((nth) => moments.map((moment) => ({ method, moment, nth }))),
  );
}

/** Runs a job, with a restart in it; answers what it came to by itself. */
async function runWithCut(site: Site, { method, moment, nth }: Cut): Promise<Ran> {
  let seen = 0;
  let restarted: Promise<void> | undefined;
  proxy[moment] = async (called) => {
    if (called !== method || ++seen !== nth) return;
    restarted = proxy.restartDaemon();
    await restarted;
  };
  try {
    return await site.startJob(body).done;
  } finally {
    [proxy.before, proxy.after] = [() => undefined, () => undefined];
    expect(restarted, 'the call was never made').toBeDefined();
    await restarted;
  }
}

/** The job comes to its result by itself, says that containerd is away and is resumed, or is lost with the start of a task. */
async function survives(site: Site, cut: Cut): Promise<void> {
  const ran = await runWithCut(site, cut);
  if (ran.code === 0) {
    await expectRight(site, ran);
    return;
  }
  const story = ran.stdout + ran.stderr;
  expect(ran.code, story).toBe(3);
  // The start itself was cut off: whether the component ever ran is not guessed, and the operator runs the job again.
  if (ran.lines.at(-1)?.outcome === 'lost') {
    await expectRight(site, await site.startJob(body).done);
    return;
  }
  expect(story).toContain('no connection to containerd');
  const job = ran.lines.find(({ type }) => type === 'job-started')?.job;
  // Before the first answer nothing was begun yet.
  await expectRight(site, await (job === undefined ? site.startJob(body).done : site.run(['--json', 'resume', job])));
}

test('containerd, killed and started again in the middle of a call, costs no job its result, whatever call it was', {
  timeout: 600_000,
}, async () => {
  const site = await openSite();
  const clean = () =>
    expectNothingLeft({
      address: daemon.address,
      namespace: `componentd-${tenant.name}`,
      cgroupPrefix: `/componentd/${tenant.name}`,
      tempDirectory: tenant.folder,
    });
  const broken: string[] = [];
  for (const cut of await cutsOfAJob(site)) {
    const where = `${cut.moment} ${cut.method} ${cut.nth}`;
    // A kill hits another instant each time, and on a busy machine now and then one that nobody has met: each failed try is told, and three are too many.
    for (let tries = 1; ; tries += 1) {
      const failure = await survives(site, cut)
        .then(clean)
        .then(
          () => undefined,
          (error: unknown) => error,
        );
      if (failure === undefined) break;
      process.stdout.write(`try ${tries} failed: ${where}: ${failure}\n`);
      await site.run(['sweep']);
      if (tries < 3) continue;
      broken.push(`${where}: ${failure}`);
      break;
    }
  }
  expect(broken).toEqual([]);
});

test('a long chain of stages has a few containers that wait for their turn, and not all of them', async () => {
  const site = await openSite();
  let waiting = 0;
  let most = 0;
  proxy.before = (method) => {
    if (method === 'Tasks.Create') waiting += 1;
    if (method === 'Tasks.Start') waiting -= 1;
    most = Math.max(most, waiting);
  };
  const names = Array.from({ length: 9 }, (_, n) => `after ${n}`);
  const long = { ...working('main'), processors: { after: names.map(processor) } };
  const ran = await site.startJob({ component: 'test.main', configData: long }).done;
  proxy.before = () => undefined;
  expect(ran.code, ran.stdout + ran.stderr).toBe(0);
  const events = await site.events(ran.lines.at(-1)?.job);
  expect(events.filter(({ type }) => type === 'log').map(({ message }) => message)).toEqual(['main', ...names]);
  expect({ waiting, isBounded: most <= 5, isAhead: most >= 2 }).toEqual({ waiting: 0, isBounded: true, isAhead: true });
});
