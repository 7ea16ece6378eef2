import { execFileSync } from 'node:child_process';
import { expect, it } from 'vitest';
import { startContainerd } from '../../support/containerd.ts';
import { openBox, runToEnd } from './box.ts';

it('asks for no more open files than the daemon has to give, whatever we may have ourselves', async () => {
  await using containerd = await startContainerd();
  execFileSync('prlimit', ['--pid', `${containerd.pid}`, '--nofile=4096:4096']);
  const box = await openBox(containerd);
  const { code, stdout } = await runToEnd(box, await box.script('ulimit -Sn; ulimit -Hn; ulimit -Hc'));
  expect({ code, stdout }).toEqual({ code: 0, stdout: '4096\n4096\n0\n' });
  await box.close();
});
