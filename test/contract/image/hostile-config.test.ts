import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, inject, test } from 'vitest';
import { tarStream } from '../../../scripts/lib/tar-stream.ts';
import { createImages } from '../../../src/image/images.ts';
import { type FakeRegistry, startFakeRegistry } from '../../support/fake-registry.ts';
import { removeEverything } from '../../support/image-place.ts';
import { imageWith, serveImage } from '../../support/tricks.ts';
import { type Box, busyboxLayer, openBox, runToEnd } from '../runtime/box.ts';

/** An image whose config tries to steer containerd, the runtime and this program: nothing of it gets further than the process of the container. */
let box: Box;
let registry: FakeRegistry;
let directory: string;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'componentd-test-config-'));
  box = await openBox({ address: inject('containerdAddress'), runcRoot: inject('runcRoot') });
  registry = await startFakeRegistry(directory);
});
afterAll(async () => {
  await registry.stop();
  await removeEverything(box.client);
  await box.close();
  await rm(directory, { recursive: true });
});

test('what an image says of labels, volumes, ports and hooks has no effect', async () => {
  const canary = join(directory, 'canary');
  const layer = Buffer.concat(
    await Array.fromAsync(tarStream([['bin', { directory: true }], ...Object.entries(busyboxLayer)])),
  );
  const served = await imageWith({
    tars: [layer],
    config: (config) => ({
      ...config,
      config: {
        Env: ['PATH=/bin', 'GIVEN=evil', `LD_PRELOAD=${canary}.so`, 'A=b=c', `NODE_OPTIONS=--require=${canary}`],
        Labels: {
          'containerd.io/restart.status': 'running',
          'containerd.io/restart.loguri': `binary:///bin/touch?${canary}`,
          'containerd.io/gc.root': 'now',
          'containerd.io/gc.expire': '2000-01-01T00:00:00Z',
          'io.cri-containerd.kind': 'sandbox',
          'componentd.job': 'another',
          'componentd.managed': 'false',
        },
        Volumes: { '/../../etc': {}, '/data': {}, '/bin': {} },
        ExposedPorts: { '22/tcp': {}, nonsense: 7 },
        Healthcheck: { Test: ['CMD-SHELL', `touch ${canary}`], Interval: 1 },
        OnBuild: [`RUN touch ${canary}`],
        Shell: ['/bin/touch', canary],
        NetworkDisabled: false,
        Domainname: 'evil',
        Memory: 1,
      },
    }),
    manifest: (manifest) => ({ ...manifest, annotations: { 'containerd.io/gc.root': 'now' } }),
    layer: (descriptor) => ({ ...descriptor, annotations: { 'containerd.io/snapshot/overlay.lowerdir': '/etc' } }),
  });
  registry.misbehave = (request, response) => {
    serveImage(served, request, response);
    return true;
  };
  const call = { emit: () => {}, signal: new AbortController().signal };
  const reference = `${registry.host}/labels/x:1`;
  const image = await createImages(box.client).ensure({ reference, policy: 'missing' }, call);

  const plain = await box.script('');
  const config = { ...image.config, entrypoint: ['/bin/sh', '-c'], cmd: ['echo $GIVEN; echo $A; ls /data || true'] };
  const request = { ...plain, image: { ...image, config }, env: { GIVEN: 'ours' } };
  const container = await box.runtime.create(request);
  const { container: record } = await box.client.call('Containers.Get', { id: request.id });
  const { info: snapshot } = await box.client.call('Snapshots.Stat', { snapshotter: 'overlayfs', key: request.id });
  const spec = JSON.parse(Buffer.from(record?.spec?.value ?? []).toString()) as {
    readonly mounts: readonly { readonly destination: string }[];
    readonly annotations?: object;
  };
  await container.remove();
  expect(record?.labels).toEqual(request.labels);
  expect(Object.keys(snapshot?.labels ?? {}).filter((label) => !Object.hasOwn(request.labels, label))).toEqual([]);
  const places = spec.mounts.map(({ destination }) => destination);
  expect(
    places.filter((place) => !/^\/(?:proc|sys|dev|etc\/(?:hosts|hostname|resolv\.conf))(?:\/|$)/.test(place)),
  ).toEqual([]);
  expect(Object.keys(spec.annotations ?? {})).toEqual([]);

  const allowed =
    /^(?:containerd\.io\/(?:gc\.ref\.(?:content|snapshot)\.|distribution\.source\.127|uncompressed$)|componentd\.)/;
  for await (const { info } of box.client.stream('Content.List', {})) {
    const labels = info.flatMap((blob) => Object.keys(blob.labels));
    expect(labels.filter((label) => !allowed.test(label))).toEqual([]);
  }
  const layers = await box.client.call('Snapshots.Stat', { snapshotter: 'overlayfs', key: image.chainId });
  const steering = Object.keys(layers.info?.labels ?? {}).filter((label) => label !== 'containerd.io/snapshot.ref');
  expect(steering).toEqual([]);
  const { image: saved } = await box.client.call('Images.Get', { name: image.name });
  expect(Object.entries(saved?.labels ?? {}).filter(([label]) => !label.startsWith('componentd.'))).toEqual([]);
  expect(saved?.labels['componentd.managed']).toBe('true');

  const ran = await runToEnd(box, { ...(await box.script('')), image: { ...image, config }, env: { GIVEN: 'ours' } });
  expect(ran.stdout).toBe('ours\nb=c\n');
  expect(existsSync(canary)).toBe(false);
});
