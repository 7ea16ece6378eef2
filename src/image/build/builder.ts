import { constants } from 'node:fs';
import { access } from 'node:fs/promises';
import { InfrastructureError } from '../../base/errors.ts';

/**
 * What makes an image of a Dockerfile. It works in a workshop, as a script with everything laid out for it:
 * - `/shop/context`, the files that the Dockerfile copies from, and `Dockerfile` beside the script;
 * - `base/N`, an OCI layout (image-layout.md) of each base image, whose name in the Dockerfile is line N (from 1) of `bases`;
 * - `arguments`, lines `NAME=value`, and in `secrets` a file for each build secret, named by its id;
 * - `offline`, there when commands get no network; `known`, the diff ids of layers that need not come back.
 *
 * It leaves an OCI layout of one image in `/shop/out`; a known layer may be an empty file there. Base images that are not laid out it must
 * not fetch.
 */
export interface Builder {
  /** Programs that it needs, and the packages of Debian that have them. */
  readonly needs: readonly { readonly program: string; readonly package: string }[];
  readonly script: string;
}

/** In `/usr/bin`, or where programs of a system's administrator lie: what a workshop sees. */
const folders = ['/usr/local/sbin', '/usr/local/bin', '/usr/sbin', '/usr/bin', '/sbin', '/bin'];

/** @throws InfrastructureError reason `builder_missing` that names every package to install */
export async function requirePrograms({ needs }: Pick<Builder, 'needs'>): Promise<void> {
  const missing = [];
  for (const need of needs) if (!(await isThere(need.program))) missing.push(need);
  if (missing.length === 0) return;
  throw new InfrastructureError(
    `images cannot be built here: ${missing.map(({ program }) => program).join(', ')} missing`,
    {
      reason: 'builder_missing',
      hint: `Install what has it: apt-get install ${[...new Set(missing.map((need) => need.package))].join(' ')}.`,
    },
  );
}

async function isThere(program: string): Promise<boolean> {
  for (const folder of folders) {
    const found = await access(`${folder}/${program}`, constants.X_OK).then(
      () => true,
      () => false,
    );
    if (found) return true;
  }
  return false;
}
