import { expect, test } from 'vitest';
import { shell } from '../support/components.ts';
import { type Site, type SiteSettings, useTenant } from '../support/site.ts';

const tenant = useTenant(import.meta.filename);
const mebibyte = 2 ** 20;

/** Prints what a process sees of its limits, on whichever version of cgroups. */
const look = `
cd /sys/fs/cgroup
show() { for file in "$@"; do [ -f "$file" ] && { echo "$1 $(cat "$file")"; return; }; done; }
show memory/memory.limit_in_bytes memory.max
show cpu/cpu.cfs_quota_us cpu.max
show pids/pids.max pids.max
echo "shm $(df -k /dev/shm | tail -n 1 | awk '{print $2}')"
echo "keepalive $(cat /proc/sys/net/ipv4/tcp_keepalive_time)"
echo "nofile $(ulimit -Hn)"
`;

interface Seen {
  readonly memory: number;
  readonly cpus: number;
  readonly pids: number;
  readonly shmKilobytes: number;
  readonly keepalive: number;
  readonly nofile: number;
  readonly warnings: readonly string[];
}

async function seen(site: Site, job: object = {}): Promise<Seen> {
  const { result, lines, code } = await site.job({
    component: 'test.main',
    configData: { parameters: shell(look) },
    ...job,
  });
  expect(code).toBe(0);
  const printed = lines.flatMap((line) => (line.type === 'log' ? [Number(line.message.split(' ')[1])] : []));
  const [memory = 0, quota = 0, pids = 0, shmKilobytes = 0, keepalive = 0, nofile = 0] = printed;
  return { memory, cpus: quota / 100_000, pids, shmKilobytes, keepalive, nofile, warnings: result.warnings };
}

async function withMain(more: object = {}, settings: SiteSettings = {}): Promise<Site> {
  const site = await tenant.site(settings);
  await site.define('test.main', more);
  return site;
}

test('a container sees the contract’s limits by default', async () => {
  const site = await withMain();
  expect(await seen(site)).toMatchObject({
    memory: 64 * mebibyte,
    cpus: 2,
    pids: 4096,
    shmKilobytes: 65_536,
    warnings: [],
  });
});

test('a job has the size it asks for, and its word wins over its configuration’s (fact 28)', async () => {
  const site = await withMain({ features: ['container-tcpkeepalive-60s-override'] });
  const configData = { parameters: shell(look), runtime: { backend: { type: 'xsmall' } } };
  expect(await seen(site, { configData })).toMatchObject({ memory: 32 * mebibyte, cpus: 1, keepalive: 60 });
  expect(await seen(site, { configData, backend: { containerType: 'medium' } })).toMatchObject({
    memory: 128 * mebibyte,
    cpus: 4,
  });
  expect(await seen(site, { configData, backend: { type: 'gigantic' } })).toMatchObject({
    memory: 64 * mebibyte,
    cpus: 1,
    warnings: [expect.stringContaining('"gigantic"')],
  });
});

test('an operator’s limits hold for every size, with a word in the result', async () => {
  const limits = { memory: '48m', cpus: 0.5, shm: '1m', ulimits: { nofile: 99 } };
  const site = await withMain({}, { config: { limits, pidsLimit: 50 } });
  expect(await seen(site, { backend: { type: 'large' } })).toMatchObject({
    memory: 48 * mebibyte,
    cpus: 0.5,
    pids: 50,
    shmKilobytes: 1024,
    nofile: 99,
    warnings: [expect.stringContaining('48M of memory instead of 454M')],
  });
});

test('a project that pays as it goes has its own limits; one that is missing is named', async () => {
  const project = { 'runner.cpuParallelism': 3, 'runner.test.main.memoryLimitMBs': 40 };
  const site = await withMain({}, { config: { limits: { payAsYouGo: true, instanceCpus: 8, project } } });
  expect(await seen(site, { backend: { type: 'large' } })).toMatchObject({ memory: 40 * mebibyte, cpus: 3 });

  const unset = await withMain({}, { config: { limits: { payAsYouGo: true } } });
  const { code, stderr } = await unset.script('true');
  expect({ code, stderr }).toEqual({ code: 2, stderr: expect.stringContaining('limits.instanceCpus: is not set') });
});

test('every mistake in the limits is told with its path before anything runs', async () => {
  const site = await tenant.site();
  const config = await site.file('wrong.json', '{"limits":{"memory":"lots","cpus":0}}');
  const { code, stderr } = await site.run(['storage', 'ls'], { env: { COMPONENTD_CONFIG: config } });
  expect(code).toBe(1);
  expect(stderr).toMatch(/limits\.memory: must be an amount of memory[\s\S]*limits\.cpus: must be a number from 0\.01/);
});

test('the result tells what each stage used', async () => {
  const site = await withMain();
  await site.define('test.before');
  const { result } = await site.script(
    'dd if=/dev/zero of=/dev/null bs=20M count=20; dd if=/dev/zero of=out/files/x bs=1M count=4 conv=fsync',
    { processors: { before: [{ definition: { component: 'test.before' }, parameters: shell('true') }] } },
  );
  const [[before, main]] = result.stages;
  for (const { usage } of [before, main]) {
    expect(usage).toMatchObject({
      oomKills: 0,
      peakMemoryBytes: expect.any(Number),
      cpuSeconds: expect.any(Number),
      pidsLimitHits: 0,
    });
  }
  expect(main.usage.peakMemoryBytes).toBeGreaterThan(20 * mebibyte);
  expect(main.usage.writtenBytes).toBeGreaterThanOrEqual(4 * mebibyte);
  for (const { usage } of [before, main]) expect(usage.readBytes).toBeGreaterThanOrEqual(0);
  expect(before.usage.peakMemoryBytes).toBeLessThan(main.usage.peakMemoryBytes);
});
