import { afterAll, beforeAll, expect, it } from 'vitest';
import { connectContainerd } from '../../../src/containerd/client.ts';
import { createRuntime } from '../../../src/runtime/container.ts';
import { type PrivateContainerd, startContainerd } from '../../support/containerd.ts';
import { type GrpcProxy, startGrpcProxy } from '../../support/grpc-proxy.ts';
import { type Box, openBox } from './box.ts';

let containerd: PrivateContainerd;
let proxy: GrpcProxy;
let box: Box;
beforeAll(async () => {
  containerd = await startContainerd();
  proxy = await startGrpcProxy(containerd);
  box = await openBox(containerd);
});
afterAll(async () => {
  await box.close();
  await proxy[Symbol.asyncDispose]();
  await containerd.stop();
});

it('creates no more tasks at a time than it was told, in two processes together', async () => {
  let [inFlight, most, all] = [0, 0, 0];
  proxy.before = (method) => {
    if (method !== 'Tasks.Create') return;
    inFlight += 1;
    all += 1;
    most = Math.max(most, inFlight);
  };
  proxy.after = (method) => {
    if (method === 'Tasks.Create') inFlight -= 1;
  };
  const runtimes = [1, 2].map(() => {
    const client = connectContainerd({ address: proxy.address, namespace: box.client.namespace });
    const runtime = { name: 'runc', root: containerd.runcRoot };
    return { client, runtime: createRuntime(client, { snapshotter: 'overlayfs', runtime, concurrentCreates: 3 }) };
  });
  const requests = await Promise.all(Array.from({ length: 20 }, () => box.script('true')));
  const containers = await Promise.all(
    requests.map((request, n) => runtimes[n % 2]?.runtime.create(request) ?? Promise.reject(new Error('none'))),
  );
  await Promise.all(containers.map((container) => container.stop(0)));
  await Promise.all(containers.map((container) => container.remove()));
  for (const { client } of runtimes) client.close();
  expect({ most, all, inFlight }).toEqual({ most: 3, all: 20, inFlight: 0 });
});
