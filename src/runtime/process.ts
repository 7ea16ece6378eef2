import { ApplicationError, type Problem, throwProblems } from '../base/errors.ts';
import type { ResolvedUser } from '../image/user.ts';
import { capabilitiesWithin, capabilitySets } from './capabilities.ts';
import { type HardLimits, rlimitsOf } from './rlimits.ts';
import type { ContainerRequest } from './types.ts';

const defaultPath = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

/** The most of them that is passed on; a process with more could not be started, or would make every record of it large. */
export const environmentLimits = { entries: 1000, bytes: 128 * 1024 };

/**
 * The `process` part of an OCI runtime spec. `HOME` is the user's when that is known, else left to the runtime, which reads the container's
 * passwd file.
 * @throws ApplicationError reason `entrypoint` without a command, reason `image` for a working directory that is not safe to use; UserError
 * for an environment that is not.
 */
export function processSpec(request: ContainerRequest, user: ResolvedUser, hardLimits: HardLimits) {
  const { config } = request.image;
  return {
    terminal: false,
    user: { uid: user.uid, gid: user.gid, additionalGids: user.additionalGids },
    args: commandOf(request),
    env: environmentOf(request, user),
    cwd: workingDirectory(config.workingDir, request.image.name),
    capabilities: request.userNamespace ? capabilitiesWithin() : capabilitySets(request.policy, user.uid),
    noNewPrivileges: request.policy === 'hardened',
    rlimits: rlimitsOf(request.limits.ulimits, hardLimits),
    // When the host runs out of memory, a container goes before the daemons that serve all of them.
    oomScoreAdj: 300,
  };
}

function commandOf(request: ContainerRequest): readonly string[] {
  const { entrypoint, cmd } = request.image.config;
  const args = [...entrypoint, ...cmd];
  if (args.length > 0 && args[0] !== '') return args;
  throw new ApplicationError(`image ${request.image.name} has no command`, {
    reason: 'entrypoint',
    hint: 'Give the image an ENTRYPOINT or a CMD.',
  });
}

/** Docker's order: `PATH` when the image has none, `HOSTNAME`, `HOME`, the image's, ours; a later one of the same name wins. */
function environmentOf(request: ContainerRequest, { home }: ResolvedUser): string[] {
  const values = new Map([
    ['PATH', defaultPath],
    ['HOSTNAME', request.hostname],
  ]);
  if (home !== undefined) values.set('HOME', home);
  for (const entry of request.image.config.env) {
    const [name, value] = splitOnce(entry, '=');
    if (name !== '' && value !== undefined) values.set(name, value);
  }
  for (const [name, value] of Object.entries(request.env)) values.set(name, value);
  throwProblems(`environment of ${request.image.name} cannot be used`, problemsOfEnvironment(values));
  return Array.from(values, ([name, value]) => `${name}=${value}`);
}

function problemsOfEnvironment(values: ReadonlyMap<string, string>): Problem[] {
  const problems: Problem[] = [];
  let bytes = 0;
  for (const [name, value] of values) {
    bytes += Buffer.byteLength(name) + Buffer.byteLength(value) + 2;
    if (name === '' || name.includes('='))
      problems.push({ path: 'env', message: `"${name}" is no name of a variable` });
    if (`${name}${value}`.includes('\0')) problems.push({ path: `env.${name}`, message: 'contains a NUL byte' });
  }
  const { entries, bytes: most } = environmentLimits;
  if (values.size > entries)
    problems.push({ path: 'env', message: `${values.size} variables, at most ${entries} are allowed` });
  if (bytes > most) problems.push({ path: 'env', message: `${bytes} bytes in all, at most ${most} are allowed` });
  return problems;
}

const kernelTrees = ['/proc', '/sys', '/dev'];

/** Refuses what could reach a descriptor of the runtime or the host's kernel files (CVE-2024-21626). */
function workingDirectory(path: string, image: string): string {
  const parts = path.split('/');
  const inKernelTree = kernelTrees.includes(`/${parts.find((part) => part !== '' && part !== '.') ?? ''}`);
  if (path.startsWith('/') && !parts.includes('..') && !inKernelTree && !path.includes('\0')) return path;
  throw new ApplicationError(`image ${image} has the working directory "${path}", which is refused`, {
    reason: 'image',
    hint: 'Use an absolute WORKDIR without ".." and outside of /proc, /sys and /dev.',
  });
}

function splitOnce(text: string, separator: string): [string, string | undefined] {
  const at = text.indexOf(separator);
  return at < 0 ? [text, undefined] : [text.slice(0, at), text.slice(at + separator.length)];
}
