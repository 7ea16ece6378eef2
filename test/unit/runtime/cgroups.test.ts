import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  type Cgroups,
  chooseCgroups,
  countProcesses,
  emptyCgroups,
  parseCgroupMounts,
  removeCgroupParents,
} from '../../../src/runtime/cgroups.ts';

const line = (path: string, type: string, options: string) =>
  `31 23 0:26 / ${path} rw,nosuid shared:5 - ${type} ${type} rw,${options}`;

const legacy = [
  line('/sys/fs/cgroup/memory', 'cgroup', 'memory'),
  line('/sys/fs/cgroup/cpu,cpuacct', 'cgroup', 'cpu,cpuacct'),
  line('/sys/fs/cgroup/pids', 'cgroup', 'pids'),
  line('/sys/fs/cgroup/systemd', 'cgroup', 'xattr,name=systemd'),
];
const unified = line('/sys/fs/cgroup', 'cgroup2', 'nsdelegate');
const other = '22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw';

describe('cgroup detection', () => {
  it('sees a pure v2 host', () => {
    expect(chooseCgroups(parseCgroupMounts([other, unified].join('\n')))).toEqual({
      version: 'v2',
      roots: ['/sys/fs/cgroup'],
      processRoot: '/sys/fs/cgroup',
    });
  });

  it('sees a v1 host and asks its pids hierarchy for processes', () => {
    expect(chooseCgroups(parseCgroupMounts([other, ...legacy].join('\n')))).toEqual({
      version: 'v1',
      roots: ['/sys/fs/cgroup/memory', '/sys/fs/cgroup/cpu,cpuacct', '/sys/fs/cgroup/pids', '/sys/fs/cgroup/systemd'],
      processRoot: '/sys/fs/cgroup/pids',
    });
  });

  it('takes a hybrid host for v1, and cleans its unified hierarchy too', () => {
    const hybrid = chooseCgroups(
      parseCgroupMounts([...legacy, line('/sys/fs/cgroup/unified', 'cgroup2', '')].join('\n')),
    );
    expect(hybrid.version).toBe('v1');
    expect(hybrid.roots).toContain('/sys/fs/cgroup/unified');
  });

  it('refuses a host without cgroups', () => {
    expect(() => chooseCgroups(parseCgroupMounts(other))).toThrow('no cgroup hierarchy');
  });
});

describe('a tree of cgroups', () => {
  let base: string;
  let cgroups: Cgroups;

  beforeEach(async () => {
    base = await mkdtemp(join(tmpdir(), 'cgroups-'));
    const roots = [join(base, 'memory'), join(base, 'pids')];
    cgroups = { version: 'v1', roots, processRoot: join(base, 'pids'), swapAccounting: false };
    for (const root of roots) await mkdir(join(root, 'ours/tenant/job/container'), { recursive: true });
  });

  afterEach(() => rm(base, { recursive: true }));

  it('loses the path and its empty ancestors in every hierarchy, but not the given one', async () => {
    await removeCgroupParents(cgroups, '/ours/tenant/job/container', '/ours');
    for (const root of cgroups.roots) {
      expect(existsSync(join(root, 'ours'))).toBe(true);
      expect(existsSync(join(root, 'ours/tenant'))).toBe(false);
    }
  });

  it('keeps an ancestor that another job uses', async () => {
    await mkdir(join(base, 'memory/ours/tenant/other'));
    await removeCgroupParents(cgroups, '/ours/tenant/job/container', '/');
    expect(existsSync(join(base, 'memory/ours/tenant/other'))).toBe(true);
    expect(existsSync(join(base, 'memory/ours/tenant/job'))).toBe(false);
    expect(existsSync(join(base, 'pids/ours'))).toBe(false);
  });

  it('tells which cgroups hold nothing, in any hierarchy', async () => {
    for (const name of ['empty', 'used']) await mkdir(join(base, 'pids/ours/tenant', name));
    await mkdir(join(base, 'memory/ours/tenant/used/container'), { recursive: true });
    await mkdir(join(base, 'pids/ours/tenant/busy'));
    await writeFile(join(base, 'pids/ours/tenant/busy/cgroup.procs'), '1\n');
    expect(await emptyCgroups(cgroups, '/ours/tenant')).toEqual(['empty']);
    expect(await emptyCgroups(cgroups, '/ours/nobody')).toEqual([]);
  });

  it('tolerates what is gone already and never touches a path outside', async () => {
    await removeCgroupParents(cgroups, '/gone/with/all', '/gone');
    await removeCgroupParents(cgroups, '/ours/tenant', '/elsewhere');
    expect(existsSync(join(base, 'pids/ours/tenant/job/container'))).toBe(true);
  });

  it('counts processes of the cgroup and of those below', async () => {
    await writeFile(join(base, 'pids/ours/tenant/job/cgroup.procs'), '7\n');
    await writeFile(join(base, 'pids/ours/tenant/job/container/cgroup.procs'), '12\n13\n');
    expect(await countProcesses(cgroups, '/ours/tenant/job')).toBe(3);
    expect(await countProcesses(cgroups, '/ours/none')).toBe(0);
  });
});
