import { stat } from 'node:fs/promises';
import { ApplicationError, UserError } from '../base/errors.ts';
import { hasCode } from '../containerd/errors.ts';
import { findInLayers, lowerDirectories } from '../image/rootfs.ts';
import { commandFault } from './command.ts';
import type { RootfsMounts } from './rootfs-mounts.ts';
import type { RuntimeSpec } from './spec.ts';

/**
 * Whose mistake a failed `Tasks.Create` is. The OCI runtime tells everything with one code and free text, so the image itself is looked
 * at: a command that is not there, or cannot be executed, is its author's. Everything else stays what it was.
 */
export async function explainFailedCreate(
  error: unknown,
  rootfs: RootfsMounts,
  spec: RuntimeSpec,
  image: string,
): Promise<unknown> {
  const layers = lowerDirectories(rootfs);
  if (!hasCode(error, 'UNKNOWN') || layers === undefined) return error;
  // The failure itself matters more than a failure to explain it.
  const blocked = await blockedMount(layers, spec).catch(() => undefined);
  if (blocked !== undefined) {
    return new UserError(`image ${image} cannot be started: its ${blocked} is no directory, and one is mounted there`, {
      reason: 'entrypoint',
      hint: `Take ${blocked} out of the image, or make it an empty directory.`,
      data: { details: error.details },
      cause: error,
    });
  }
  const { args, cwd, env, user } = spec.process;
  const command = { entrypoint: args, cmd: [], env, workingDir: cwd };
  const mounted = spec.mounts.map(({ destination }) => destination);
  const fault = await commandFault(layers, command, { ...user, mounted }).catch(() => undefined);
  if (fault === undefined) return error;
  return new ApplicationError(`image ${image} cannot be started: ${fault}`, {
    reason: 'entrypoint',
    hint: 'Mend ENTRYPOINT, CMD or WORKDIR of the image.',
    data: { details: error.details },
    cause: error,
  });
}

/** Where a directory is to be mounted, and the image has something else. */
async function blockedMount(layers: readonly string[], { mounts }: RuntimeSpec): Promise<string | undefined> {
  for (const { destination, source } of mounts) {
    const entry = await findInLayers(layers, destination);
    if (entry === undefined || entry.kind === 'directory') continue;
    const isDirectory = source.startsWith('/') ? (await stat(source)).isDirectory() : true;
    if (isDirectory) return destination;
  }
  return undefined;
}
