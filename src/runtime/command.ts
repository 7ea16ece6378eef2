import { constants } from 'node:fs';
import { open } from 'node:fs/promises';
import { posix } from 'node:path';
import { findInLayers, type RootfsEntry } from '../image/rootfs.ts';
import type { ImageConfig } from '../image/types.ts';

/** Who is to execute it, by numbers, and where. */
export interface Executor {
  readonly uid: number;
  readonly gid: number;
  readonly additionalGids: readonly number[];
  /** Where something else is mounted than what the image has there. */
  readonly mounted: readonly string[];
}

const defaultPath = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';
/** How many interpreters of interpreters the kernel follows. */
const maxDepth = 4;

/**
 * What keeps a user from executing an image's command: it is missing, may not be executed, or its interpreter or dynamic loader is
 * missing. `undefined` when nothing of this is found. Looks at the image's layers only, the topmost first, and starts nothing.
 */
export async function commandFault(
  layers: readonly string[],
  config: Pick<ImageConfig, 'entrypoint' | 'cmd' | 'env' | 'workingDir'>,
  user: Executor,
): Promise<string | undefined> {
  const [command = ''] = [...config.entrypoint, ...config.cmd];
  if (command === '') return 'it has neither an ENTRYPOINT nor a CMD';
  const directory = await findInLayers(layers, config.workingDir);
  if (directory !== undefined && directory.kind !== 'directory' && !isMounted(config.workingDir, user))
    return `its working directory ${config.workingDir} is no directory`;
  return await faultOf(command, `its command "${command}"`, { layers, config, user, depth: 0 });
}

interface Search {
  readonly layers: readonly string[];
  readonly config: Pick<ImageConfig, 'env' | 'workingDir'>;
  readonly user: Executor;
  readonly depth: number;
}

async function faultOf(command: string, what: string, search: Search): Promise<string | undefined> {
  const { layers, user } = search;
  const paths = candidates(command, search.config);
  if (paths.some((path) => isMounted(path, user)) || search.depth > maxDepth) return undefined;
  const found = await Promise.all(paths.map((path) => findInLayers(layers, path)));
  const present = found.filter((entry) => entry !== undefined);
  if (present.length === 0) return `${what} does not exist${command.endsWith('\r') ? carriageReturn : ''}`;
  const executable = present.filter(({ kind, stats }) => kind === 'file' && (stats.mode & 0o111) !== 0);
  if (executable.length === 0) return `${what} is not an executable file`;
  const allowed = executable.find((entry) => [...entry.within, entry].every((part) => mayExecute(part, user)));
  if (allowed === undefined) return `${what} may not be executed by user ${user.uid}:${user.gid}`;
  const needed = await interpreterOf(allowed.places[0] as string);
  if (needed === undefined) return undefined;
  const below = { ...search, depth: search.depth + 1 };
  for (const name of needed.names) {
    const fault = await faultOf(name, `${what} needs the ${needed.kind} "${name.trimEnd()}", which`, below);
    if (fault !== undefined) return fault;
  }
  return undefined;
}

const carriageReturn = ': its first line ends in CR LF, and the CR counts as part of the name';

function mayExecute(
  { stats }: Pick<RootfsEntry, 'stats'>,
  { uid, gid, additionalGids }: Omit<Executor, 'mounted'>,
): boolean {
  if (uid === 0) return true;
  if (stats.uid === uid) return (stats.mode & 0o100) !== 0;
  const inGroup = stats.gid === gid || additionalGids.includes(stats.gid);
  return (stats.mode & (inGroup ? 0o010 : 0o001)) !== 0;
}

/** Where execvp(3) looks. */
function candidates(command: string, { env, workingDir }: Search['config']): string[] {
  if (command.includes('/')) return [posix.resolve(workingDir, command)];
  const path = env.findLast((entry) => entry.startsWith('PATH='))?.slice('PATH='.length) ?? defaultPath;
  return path.split(':').map((directory) => posix.resolve(workingDir, directory, command));
}

function isMounted(path: string, { mounted }: Executor): boolean {
  return mounted.some((point) => path === point || path.startsWith(`${point}/`));
}

interface Needed {
  readonly kind: 'interpreter' | 'dynamic loader';
  readonly names: readonly string[];
}

const headBytes = 4096;

/** The program that a script or an ELF file asks the kernel for. */
async function interpreterOf(path: string): Promise<Needed | undefined> {
  await using file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  if (!(await file.stat()).isFile()) return undefined;
  const { buffer, bytesRead } = await file.read(Buffer.alloc(headBytes), 0, headBytes, 0);
  const head = buffer.subarray(0, bytesRead);
  const names = scriptInterpreters(head);
  if (names !== undefined) return { kind: 'interpreter', names };
  const place = loaderPlace(head);
  if (place === undefined) return undefined;
  const loader = Buffer.alloc(Math.min(place.length, headBytes));
  const read = await file.read(loader, 0, loader.length, place.offset);
  const name = loader.subarray(0, read.bytesRead).toString('utf8').replace(/\0.*$/s, '');
  return name === '' ? undefined : { kind: 'dynamic loader', names: [name] };
}

/** From a `#!` line: the interpreter, and what `env` will look for. */
export function scriptInterpreters(head: Buffer): readonly string[] | undefined {
  if (head.subarray(0, 2).toString('latin1') !== '#!') return undefined;
  const line =
    head
      .subarray(2, 256)
      .toString('utf8')
      .split(/[\n\0]/)[0] ?? '';
  const [interpreter = '', argument = ''] = line.replace(/^[ \t]+/, '').split(/[ \t]+/);
  if (interpreter === '') return undefined;
  const isEnv = posix.basename(interpreter) === 'env' && /^[^-=]+$/.test(argument);
  return isEnv ? [interpreter, argument] : [interpreter];
}

/** Where an ELF file of this byte order names its loader (elf(5), PT_INTERP); `undefined` for a static one. */
export function loaderPlace(head: Buffer): { readonly offset: number; readonly length: number } | undefined {
  const [isElf, bits, order] = [head.subarray(0, 4).toString('latin1') === '\x7fELF', head[4], head[5]];
  if (!isElf || order !== 1 || (bits !== 1 && bits !== 2) || head.length < 64) return undefined;
  const is64 = bits === 2;
  const word = (at: number): number => (is64 ? Number(head.readBigUInt64LE(at)) : head.readUInt32LE(at));
  const table = word(is64 ? 32 : 28);
  const size = head.readUInt16LE(is64 ? 54 : 42);
  const count = head.readUInt16LE(is64 ? 56 : 44);
  for (
    let at = table, left = count;
    left > 0 && size > 0 && at + (is64 ? 56 : 32) <= head.length;
    at += size, left -= 1
  ) {
    if (head.readUInt32LE(at) !== 3) continue;
    const place = { offset: word(at + (is64 ? 8 : 4)), length: word(at + (is64 ? 32 : 16)) };
    return Number.isSafeInteger(place.offset) ? place : undefined;
  }
  return undefined;
}
