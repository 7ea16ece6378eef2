import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import type { Line } from '../support/cli.ts';
import { startContainerd } from '../support/containerd.ts';
import { expectNothingLeft } from '../support/nothing-left.ts';
import { isEverythingRequired } from '../support/releases.ts';
import { mainDefined, type Site, useTenant } from '../support/site.ts';

const tenant = useTenant(import.meta.filename);

const isCrunMissing = (() => {
  try {
    execFileSync('crun', ['--version'], { stdio: 'ignore' });
    return false;
  } catch {
    return true;
  }
})();

/** A component that shows what it is given: user, folders, limits, rights, what it reads; on both streams, with a file and a state. */
const script = `
  id; pwd; ls -ln /data | cut -c1-30; cat /proc/self/status | grep -E 'Cap|Seccomp:|NoNewPrivs'
  cat config.json; echo problem >&2; ulimit -a; cat /proc/mounts | cut -d' ' -f2 | sort
  echo bytes > out/files/kept.txt; echo '{"n": 1}' > out/state.json`;

async function eventsUnder(runtime: string, site: Site): Promise<readonly unknown[]> {
  const { code, result, stderr } = await site.script(script, {}, { env: { COMPONENTD_RUNTIME: runtime } });
  expect(code, stderr).toBe(0);
  const events = await site.events(result.job);
  return events.filter(({ type }) => type === 'log' || type === 'phase').map(withoutChance);
}

/** Both streams are followed at the same time: only the order within one is sure. */
const byStream = (events: readonly unknown[]): unknown =>
  Object.groupBy(events as readonly Line[], ({ type, stream }) => `${type} ${stream}`);

function withoutChance({ time, seq, at, offset, ...event }: Line): unknown {
  return event;
}

describe('the runtime of an operator’s choice', () => {
  test.skipIf(isCrunMissing && !isEverythingRequired)(
    `changes nothing that a component sees or leaves${isCrunMissing ? ' (skipped: crun is not installed)' : ''}`,
    async () => {
      const containerd = await startContainerd(undefined, { withoutHybrid: true });
      onTestFinished(() => containerd.stop());
      const site = await tenant.site({ prepare: mainDefined, address: containerd.address });
      await site.ask(['image', 'import', join(tenant.folder, 'test-shell-1.tar')]);
      const [runc, crun] = [await eventsUnder('runc', site), await eventsUnder('crun', site)];
      expect(byStream(crun)).toEqual(byStream(runc));
      await expectNothingLeft({
        address: containerd.address,
        namespace: `componentd-${tenant.name}`,
        cgroupPrefix: `/componentd/${tenant.name}`,
        tempDirectory: tenant.folder,
      });
    },
  );

  test('is refused before anything begins when it is unknown, or not there', async () => {
    const config = { runtimes: { mine: { binary: '/no/such/runtime' } } };
    const site = await tenant.site({ prepare: mainDefined, config });
    const run = (runtime: string) =>
      site.run(['--runtime', runtime, 'run', '-'], { input: '{"component":"test.main","configData":{}}' });
    const unknown = await run('crn');
    expect(unknown).toMatchObject({ code: 1, stderr: expect.stringContaining('did you mean crun?') });
    const missing = await run('mine');
    expect(missing).toMatchObject({ code: 3, stderr: expect.stringContaining('/no/such/runtime') });
    expect(missing.stderr).toContain('runtimes.mine.binary');
    expect(existsSync(join(site.stateDir, 'jobs'))).toBe(false);
  });
});
