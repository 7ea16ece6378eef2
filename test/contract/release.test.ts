import { expect, inject, test } from 'vitest';
import { connectContainerd } from '../../src/containerd/client.ts';
import { parseVersion } from '../../src/containerd/version.ts';
import { isEverythingRequired, releaseOn } from '../support/releases.ts';

const wanted = process.env.COMPONENTD_TEST_RELEASE;
const address = inject('containerdAddress') as string | undefined;
const isMissing = address === undefined;
const name = `the containerd of these tests is of the line ${wanted ?? 'that is installed'}`;

test.skipIf(isMissing && !isEverythingRequired)(
  isMissing ? `${name} (missing: scripts/containerds says why; every other test on it is left out)` : name,
  async () => {
    if (address === undefined) throw new Error(`containerd ${wanted} is missing: run scripts/containerds`);
    const containerd = connectContainerd({ address, namespace: 'default' });
    const { version } = await containerd.call('Version.Version', {}).finally(() => containerd.close());
    const { major, minor } = parseVersion(version);
    expect([`${major}.${minor}`, `${major}`]).toContain(wanted ?? releaseOn(process.env.PATH ?? ''));
  },
);
