import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { type Box, busyboxLayer, openBox, runToEnd } from './box.ts';

let box: Box;
beforeAll(async () => {
  box = await openBox({ address: inject('containerdAddress'), runcRoot: inject('runcRoot') });
});
afterAll(() => box.close());

const root = { uid: 0, gid: 0 };

describe('what a process is allowed', () => {
  const statusOf = async (change: Parameters<Box['script']>[1]): Promise<Record<string, string>> => {
    const { stdout } = await runToEnd(box, await box.script('cat /proc/self/status; cat /proc/self/limits', change));
    const lines = stdout.split('\n').map((line) => line.split(/:\s*|\s{2,}/));
    return Object.fromEntries(lines.map(([name = '', ...rest]) => [name, rest.join(' ').trim()]));
  };

  it('equals Docker’s default for root', async () => {
    expect(await statusOf({ user: root })).toMatchObject({
      CapInh: '0000000000000000',
      CapPrm: '00000000a80425fb',
      CapEff: '00000000a80425fb',
      CapBnd: '00000000a80425fb',
      CapAmb: '0000000000000000',
      NoNewPrivs: '0',
      Seccomp: '2',
      'Max core file size': '0 0 bytes',
    });
  });

  it('equals Docker’s default for another user', async () => {
    expect(await statusOf({})).toMatchObject({
      Uid: '1000\t1000\t1000\t1000',
      Gid: '1000\t1000\t1000\t1000',
      Groups: '',
      CapPrm: '0000000000000000',
      CapEff: '0000000000000000',
      CapBnd: '00000000a80425fb',
      NoNewPrivs: '0',
      Seccomp: '2',
    });
  });

  it('is nothing when hardened, not even for root', async () => {
    expect(await statusOf({ user: root, policy: 'hardened' })).toMatchObject({
      CapPrm: '0000000000000000',
      CapBnd: '0000000000000000',
      NoNewPrivs: '1',
      Seccomp: '2',
    });
  });

  it.each([
    ['mount a file system', 'mount -t tmpfs none /mnt'],
    ['make a namespace', 'busybox unshare -m true'],
    ['write to the kernel’s files', 'echo 0 > /proc/sys/kernel/randomize_va_space'],
    ['press the magic keys', 'echo h > /proc/sysrq-trigger'],
    ['read the kernel’s memory', 'head -c 1 /proc/kcore | grep .'],
    ['see the host’s interrupts', 'grep . /proc/interrupts'],
    ['see the firmware', 'ls /sys/firmware | grep .'],
    ['change a cgroup', 'mkdir /sys/fs/cgroup/x /sys/fs/cgroup/memory/x'],
    ['reach a disk', 'busybox mknod /tmp/disk b 254 0 && head -c 1 /tmp/disk'],
  ])('does not include to %s', async (_, text) => {
    expect((await runToEnd(box, await box.script(`mkdir -p /mnt /tmp; ${text}`, { user: root }))).code).not.toBe(0);
  });
});

describe('what a process finds', () => {
  it('its own host name, process tree and network with a loopback interface only', async () => {
    const request = await box.script(
      'hostname; echo $HOSTNAME; echo $$; cat /etc/hostname; ls /sys/class/net; grep -c : /proc/net/dev',
    );
    const { stdout } = await runToEnd(box, request);
    expect(stdout.split('\n')).toEqual([request.hostname, request.hostname, '1', request.hostname, 'lo', '1', '']);
  });

  it('hosts, hostname and resolv.conf, also in an image without /etc', async () => {
    const { stdout } = await runToEnd(
      box,
      await box.script('grep localhost /etc/hosts; wc -c /etc/resolv.conf; stat -c "%a %u" /etc'),
    );
    expect(stdout).toBe('127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\n0 /etc/resolv.conf\n755 0\n');
  });

  it('the image’s own /etc, with its owner and mode, around these three', async () => {
    const layer = {
      ...busyboxLayer,
      etc: { directory: true as const, mode: 0o711, uid: 7, gid: 8 },
      'etc/own': 'own',
      'etc/hosts': { symlink: '/outside' },
    };
    const chainId = await box.importImage({ layers: [layer] });
    const { stdout } = await runToEnd(
      box,
      await box.script('cat /etc/own; echo; stat -c "%a %u %g" /etc; grep -c localhost /etc/hosts', { chainId }),
    );
    expect(stdout).toBe('own\n711 7 8\n2\n');
  });

  it('nothing written where /etc is a link out of the image', async () => {
    const chainId = await box.importImage({ layers: [{ ...busyboxLayer, etc: { symlink: '/elsewhere' } }] });
    const { code } = await runToEnd(box, await box.script('test ! -e /etc/hosts', { chainId }));
    expect(code).toBe(0);
  });

  it('the environment it was given, and the image’s behind it', async () => {
    const request = await box.script('env', {
      env: { A: 'ours', B: 'two words' },
      config: { env: ['PATH=/bin', 'A=image', 'C='] },
    });
    const { stdout } = await runToEnd(box, request);
    const lines = stdout.split('\n');
    for (const line of ['A=ours', 'B=two words', 'C=', 'PATH=/bin', 'HOME=/']) expect(lines).toContain(line);
  });

  it('sysctls of the request beside Docker’s', async () => {
    const name = 'net.ipv4.tcp_keepalive_time';
    const text = 'cat /proc/sys/net/ipv4/tcp_keepalive_time /proc/sys/net/ipv4/ip_unprivileged_port_start';
    expect((await runToEnd(box, await box.script(text, { sysctls: { [name]: '77' } }))).stdout).toBe('77\n0\n');
  });

  it('/dev/shm of the size it was given', async () => {
    const { stdout } = await runToEnd(
      box,
      await box.script('grep /dev/shm /proc/mounts', { limits: { shmBytes: 8 << 20 } }),
    );
    expect(stdout).toContain('size=8192k');
  });

  it('a read-only bind mount that it cannot write', async () => {
    const request = await box.script('touch /host/x', {
      user: root,
      mounts: [{ source: '/usr', destination: '/host', readonly: true }],
    });
    expect(await runToEnd(box, request)).toMatchObject({ code: 1, stderr: expect.stringContaining('Read-only') });
  });
});
