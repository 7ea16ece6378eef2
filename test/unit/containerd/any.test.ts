import { expect, test } from 'vitest';
import { anyOf, anyOfJson, holds, jsonOfAny, messageOfAny, specType } from '../../../src/containerd/any.ts';

test('an OCI spec travels as plain JSON', () => {
  const any = anyOfJson(specType, { ociVersion: '1.0.2', hostname: 'ü' });
  expect(any.typeUrl).toBe('types.containerd.io/opencontainers/runtime-spec/1/Spec');
  expect(Buffer.from(any.value).toString()).toBe('{"ociVersion":"1.0.2","hostname":"ü"}');
  expect(jsonOfAny(any, specType)).toEqual({ ociVersion: '1.0.2', hostname: 'ü' });
});

test('runc options travel as protobuf under their bare name', () => {
  const any = anyOf('containerd.runc.v1.Options', { root: '/run/x', systemdCgroup: true });
  expect(any.typeUrl).toBe('containerd.runc.v1.Options');
  expect(Buffer.from(any.value).toString('hex')).toBe('3a062f72756e2f784801');
  expect(messageOfAny(any, 'containerd.runc.v1.Options')).toMatchObject({
    root: '/run/x',
    systemdCgroup: true,
    binaryName: '',
    ioUid: 0,
  });
});

test('metrics of both cgroup versions are read', () => {
  const v1 = anyOf('io.containerd.cgroups.v1.Metrics', {
    memory: { usage: { max: 2 ** 40 } },
    memoryOomControl: { oomKill: 2 },
  });
  expect(messageOfAny(v1, 'io.containerd.cgroups.v1.Metrics')).toMatchObject({
    pids: null,
    memory: { usage: { max: 2 ** 40, failcnt: 0 } },
    memoryOomControl: { oomKill: 2 },
  });
  const v2 = anyOf('io.containerd.cgroups.v2.Metrics', { memoryEvents: { oomKill: 1 }, cpu: { usageUsec: 5 } });
  expect(messageOfAny(v2, 'io.containerd.cgroups.v2.Metrics')).toMatchObject({
    memory: null,
    memoryEvents: { oomKill: 1 },
    cpu: { usageUsec: 5 },
  });
});

test('the prefix of other implementations is accepted', () => {
  const any = {
    ...anyOf('containerd.events.TaskOOM', { containerId: 'c' }),
    typeUrl: 'type.googleapis.com/containerd.events.TaskOOM',
  };
  expect(holds(any, 'containerd.events.TaskOOM')).toBe(true);
  expect(messageOfAny(any, 'containerd.events.TaskOOM')).toEqual({ containerId: 'c' });
});

test('another type, or nothing, is refused by name', () => {
  expect(() => messageOfAny(anyOfJson(specType, {}), 'containerd.runc.v1.Options')).toThrow(
    /containerd\.runc\.v1\.Options expected, got types\.containerd\.io/,
  );
  expect(() => jsonOfAny(null, specType)).toThrow(/got nothing/);
});
