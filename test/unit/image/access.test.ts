import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { assert, constant, oneof, property, record, string, uniqueArray } from 'fast-check';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { buildLayout } from '../../../scripts/lib/oci-image.ts';
import {
  type Access,
  accessLabel,
  accessRulesOf,
  formatAccess,
  givenAt,
  givenNow,
  readAccess,
} from '../../../src/image/access.ts';
import { askRegistry } from '../../../src/image/asked-registry.ts';
import { parseReference } from '../../../src/image/reference.ts';
import { Registry } from '../../../src/image/registry/registry.ts';
import type { RegistryCredentials } from '../../../src/image/types.ts';
import type { Workplace } from '../../../src/image/workplace.ts';
import { startFakeRegistry } from '../../support/fake-registry.ts';

const digest = `sha256:${'a'.repeat(64)}`;
const credentials = record({ username: string(), password: string() });

function onRecord(text: string, target = digest): Access | undefined {
  return readAccess({ target: { mediaType: '', digest: target, size: 1 }, labels: { [accessLabel]: text } } as never);
}

afterEach(() => vi.useRealTimers());

describe('what a record says of access', () => {
  test('is read as it was written, tells who it was, and nothing of his credentials', () => {
    assert(
      property(
        uniqueArray(credentials, { maxLength: 8, selector: (one) => JSON.stringify(one) }),
        string(),
        (users, other) => {
          let access: Access | undefined;
          for (const user of users) access = givenNow(access, user);
          if (access === undefined) return;
          const text = formatAccess(digest, access);
          const read = onRecord(text);
          for (const user of users) expect(givenAt(read, user)).toBeTypeOf('number');
          expect(givenAt(read, undefined)).toBeUndefined();
          const stranger = { username: `${other}.`, password: users.map(({ password }) => password).join('.') };
          if (!users.some((user) => JSON.stringify(user) === JSON.stringify(stranger)))
            expect(givenAt(read, stranger)).toBeUndefined();
          expect(text).toMatch(/^sha256:a{64} private [0-9a-f]{32}(?: [0-9a-f]{32}@\d{10})*$/);
        },
      ),
    );
  });

  test('says nothing of another digest, and nothing when it is damaged', () => {
    const text = formatAccess(digest, { kind: 'public' });
    expect(onRecord(text)).toEqual({ kind: 'public' });
    expect(onRecord(text, digest.replace('a', 'b'))).toBeUndefined();
    assert(
      property(
        oneof(
          string(),
          string().map((rest) => `${digest} private ${rest}`),
          constant(`${digest} private s tenant@x`),
        ),
        (damaged) => {
          expect(givenAt(onRecord(damaged), undefined)).toBeUndefined();
        },
      ),
    );
  });

  test('differs with every part of the credentials', () => {
    const user: RegistryCredentials = { username: 'u', password: 'p' };
    const access = givenNow(undefined, user);
    const others: readonly RegistryCredentials[] = [
      { ...user, username: 'v' },
      { ...user, password: 'q' },
      { ...user, server: 'quay.io' },
      { ...user, kind: 'aws-key' },
      { username: 'up', password: '' },
    ];
    for (const other of others) expect(givenAt(access, other)).toBeUndefined();
    // The same credentials look different on every image.
    expect(formatAccess(digest, access)).not.toBe(formatAccess(digest, givenNow(undefined, user)));
  });

  test('holds the last eight, and each with his own time', () => {
    vi.useFakeTimers({ now: 1_700_000_000_000 });
    let access: Access | undefined;
    const users = Array.from({ length: 10 }, (_, index) => ({ username: `u${index}`, password: 'p' }));
    for (const user of users) {
      access = givenNow(access, user);
      vi.advanceTimersByTime(1000);
    }
    access = givenNow(access, users[2]);
    expect(users.map((user) => givenAt(access, user))).toEqual([
      undefined,
      undefined,
      1_700_000_010_000,
      ...[3, 4, 5, 6, 7, 8, 9].map((second) => 1_700_000_000_000 + second * 1000),
    ]);
  });
});

test('the time that a word counts is a day, unless the operator says otherwise', () => {
  expect(accessRulesOf()).toEqual({ freshMs: 86_400_000, graceMs: 0 });
  expect(accessRulesOf({ hours: 0, graceHours: 1.5 })).toEqual({ freshMs: 0, graceMs: 5_400_000 });
});

test('who is shown to a registry by a header of the operator is not nobody', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'componentd-test-access-'));
  const registry = await startFakeRegistry(folder);
  try {
    const { manifest } = await buildLayout({ layers: [{ a: 'b' }] }, folder);
    await mkdir(join(folder, registry.host));
    const accessAfter = async (hosts: string) => {
      await writeFile(join(folder, registry.host, 'hosts.toml'), hosts);
      const { signal } = new AbortController();
      const reference = parseReference(`${registry.host}/acme/x:1`);
      const place = { signal, hostsDirectory: folder } as Workplace;
      using asked = askRegistry({ reference, credentials: undefined }, place);
      await asked.registry.prove(manifest.digest, 'manifests');
      return asked.accessNow(undefined);
    };
    expect(await accessAfter('')).toEqual({ kind: 'public' });
    expect(givenAt(await accessAfter('[header]\nauthorization = "Basic eDp5"'), undefined)).toBeGreaterThan(0);
  } finally {
    await registry.stop();
    await rm(folder, { recursive: true, force: true });
  }
});

test('a registry that knows no HEAD proves a manifest by handing it out, and a page to log in proves nothing', async () => {
  const layout = await mkdtemp(join(tmpdir(), 'componentd-test-access-'));
  const registry = await startFakeRegistry(layout);
  try {
    const { manifest } = await buildLayout({ layers: [{ a: 'b' }] }, layout);
    registry.misbehave = ({ method }, response) => {
      if (method === 'HEAD') response.writeHead(405).end();
      return method === 'HEAD';
    };
    const reference = parseReference(`${registry.host}/acme/x:1`);
    using asked = new Registry({ reference, credentials: undefined, signal: new AbortController().signal });
    await asked.prove(manifest.digest, 'manifests');
    await expect(asked.prove(digest, 'manifests')).rejects.toThrow('unknown image');
    registry.misbehave = (_request, response) => {
      response.writeHead(200, { 'content-type': 'text/html', 'content-length': 5 }).end('login');
      return true;
    };
    await expect(asked.prove(manifest.digest, 'manifests')).rejects.toMatchObject({ reason: 'wrong_content' });
  } finally {
    await registry.stop();
    await rm(layout, { recursive: true, force: true });
  }
});
