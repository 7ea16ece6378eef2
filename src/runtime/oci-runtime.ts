import { constants } from 'node:fs';
import { access, stat } from 'node:fs/promises';
import { isAbsolute, join } from 'node:path';
import { InfrastructureError } from '../base/errors.ts';
import { anyOf, holds, messageOfAny } from '../containerd/any.ts';

/** What runs containers: an OCI runtime with runc's command line, or with `shim` whatever that shim brings. Plain data. */
export interface OciRuntime {
  /** The operator's name for it; also that of its binary when none is given. */
  readonly name: string;
  /** Absolute path, or name in PATH, of an OCI runtime that understands runc's command line. */
  readonly binary?: string;
  /** Where that keeps its state; containerd's default is shared by every containerd of the host. */
  readonly root?: string;
  /** containerd's name of another shim, such as `io.containerd.runsc.v1`. */
  readonly shim?: string;
  /** That shim's own configuration; an absolute path. */
  readonly configPath?: string;
}

type Any = ReturnType<typeof anyOf>;

/** As containerd wants it: in the container record, and the options once more for the task. */
export interface RuntimeRecord {
  readonly name: string;
  readonly options: Any | null;
}

const runcShim = 'io.containerd.runc.v2';
const runcOptions = 'containerd.runc.v1.Options';
/** Where a daemon finds binaries whatever our own PATH is. */
const systemFolders = ['/usr/local/sbin', '/usr/local/bin', '/usr/sbin', '/usr/bin', '/sbin', '/bin'];

/**
 * Looks for the runtime's binary and answers what containerd must be told. The binary is told by its absolute path: which one runs does
 * not depend on the daemon's PATH.
 * @throws InfrastructureError reason `runtime_missing` that names what was looked for, where, and the way out.
 */
export async function findRuntime(runtime: OciRuntime, searchPath = ''): Promise<RuntimeRecord> {
  const { name, binary = name, root, shim, configPath } = runtime;
  if (shim !== undefined) {
    await findBinary(shimBinary(shim), runtime, searchPath);
    return { name: shim, options: shimOptions(shim, configPath) };
  }
  const binaryName = await findBinary(binary, runtime, searchPath);
  return { name: runcShim, options: anyOf(runcOptions, { binaryName, ...(root && { root }) }) };
}

/** Where the OCI runtime of a container record keeps its state, by namespace and id; `undefined` for a shim that is not runc's. */
export function stateRootOf(
  runtime: { readonly name: string; readonly options: Any | null } | null,
): string | undefined {
  if (runtime === null || runtime.name !== runcShim) return undefined;
  const { options } = runtime;
  const root = holds(options, runcOptions) ? messageOfAny(options, runcOptions).root : '';
  return root === '' ? '/run/containerd/runc' : root;
}

/** containerd's rule: the last two parts of the name. */
function shimBinary(shim: string): string {
  return ['containerd-shim', ...shim.split('.').slice(-2)].join('-');
}

function shimOptions(shim: string, configPath: string | undefined): Any | null {
  return configPath === undefined
    ? null
    : anyOf('runtimeoptions.v1.Options', { typeUrl: `${shim}.options`, configPath });
}

async function findBinary(binary: string, { name, shim }: OciRuntime, searchPath: string): Promise<string> {
  const folders = [...new Set([...searchPath.split(':').filter(isAbsolute), ...systemFolders])];
  const candidates = isAbsolute(binary) ? [binary] : folders.map((folder) => join(folder, binary));
  for (const candidate of candidates) if (await isExecutable(candidate)) return candidate;
  const where = isAbsolute(binary) ? '' : ` in ${folders.join(', ')}`;
  throw new InfrastructureError(`the runtime "${name}" is not there: no executable file ${binary}${where}`, {
    reason: 'runtime_missing',
    hint:
      shim === undefined
        ? `Install it, or name its path in the setting runtimes.${name}.binary, or choose another --runtime.`
        : 'Install the shim in one of these folders, or choose another --runtime.',
    data: { runtime: name, binary },
  });
}

async function isExecutable(path: string): Promise<boolean> {
  try {
    await access(path, constants.X_OK);
    return (await stat(path)).isFile();
  } catch {
    return false;
  }
}
