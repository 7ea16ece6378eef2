import { readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { isAbsolute, resolve } from 'node:path';
import { credentialEnvironment } from './base/credential-settings.ts';
import { InfrastructureError, type Problem, throwProblems, UserError } from './base/errors.ts';
import { type ImageSettings, problemsOfImages } from './base/image-settings.ts';
import { JsonSyntaxError, parseJson, toPlain } from './base/json.ts';
import { type LimitSettings, problemsOfLimits } from './base/limit-settings.ts';
import { type NetworkConfig, problemsOfNetworks } from './base/network-settings.ts';
import { suggestFrom } from './base/suggest.ts';

/** Everything an operator can set; validated once, frozen, handed down. Bytes, milliseconds, counts. */
export interface Config {
  /** containerd's socket. */
  readonly address: string;
  /** Folder of the embedded Storage. */
  readonly project: string;
  readonly stateDir: string;
  readonly tenant: string;
  readonly policy: 'compatible' | 'hardened';
  readonly snapshotter: string;
  /** What runs containers: `runc`, `crun`, or a name in `runtimes`. */
  readonly runtime: string;
  /** More runtimes by name, and settings of the known ones. */
  readonly runtimes: Readonly<Record<string, RuntimeSettings>>;
  /** How many containers are created at the same time, by all processes of this machine on the same containerd. */
  readonly concurrentCreates: number;
  /** Processes and threads of a container. */
  readonly pidsLimit: number;
  /** What a container may have at most, and the limits of the project. */
  readonly limits: LimitSettings;
  /** Networks of containers. */
  readonly networks: NetworkConfig;
  /** Where images come from, and what is asked of them. */
  readonly images: ImageSettings;
  readonly graceMs: number;
  readonly logBacklogBytes: number;
  readonly maxOutputBytes: number;
  readonly maxInputTableBytes: number;
  /** `auto`: on a terminal only. */
  readonly color: 'auto' | 'always' | 'never';
  /** False for a terminal that cannot move its cursor. */
  readonly liveView: boolean;
  /** Secret of the token that Storage is used with; the file that holds one counts more. Without both, the project's own. */
  readonly token: string | undefined;
  readonly tokenFile: string | undefined;
  /** `PATH`: where a runtime is looked for first. */
  readonly searchPath: string;
  /** What credential helpers are told of the environment; also where AWS's variables and `DOCKER_CONFIG` are read. */
  readonly credentialEnvironment: Readonly<Record<string, string>>;
  /** For tests: the step at which the process kills itself, see `Journal`. */
  readonly crashAt: string | undefined;
}

/** An OCI runtime with runc's command line, or another shim. */
export interface RuntimeSettings {
  /** Absolute path, or name in PATH; the runtime's name when absent. */
  readonly binary?: string;
  /** Folder in which it keeps its state, instead of containerd's own choice. */
  readonly root?: string;
  /** containerd's name of the shim, such as `io.containerd.runsc.v1`; then neither of the above. */
  readonly shim?: string;
  /** Configuration file of that shim. */
  readonly configPath?: string;
}

export type Flags = Partial<Pick<Config, 'address' | 'project' | 'stateDir' | 'runtime' | 'color' | 'tokenFile'>>;
export type Environment = Readonly<Record<string, string | undefined>>;

const defaultFile = '/etc/componentd/config.json';

const defaults: Omit<
  Config,
  'color' | 'liveView' | 'token' | 'tokenFile' | 'searchPath' | 'credentialEnvironment' | 'crashAt'
> = {
  address: '/run/containerd/containerd.sock',
  project: '/var/lib/componentd/project',
  stateDir: '/var/lib/componentd',
  tenant: 'default',
  policy: 'compatible',
  snapshotter: 'overlayfs',
  runtime: 'runc',
  runtimes: {},
  concurrentCreates: 2 * availableParallelism(),
  pidsLimit: 4096,
  limits: {},
  networks: {},
  images: {},
  graceMs: 30_000,
  logBacklogBytes: 1024 ** 3,
  maxOutputBytes: 100_000_000_000,
  maxInputTableBytes: 100_000_000_000,
};

/** Defaults of the policy `hardened`. */
const hardened: Partial<typeof defaults> = { pidsLimit: 512 };

/**
 * Flags win over the environment (`CONTAINERD_ADDRESS`, `COMPONENTD_PROJECT`, `COMPONENTD_STATE_DIR`, `COMPONENTD_RUNTIME`), that
 * over the file (`COMPONENTD_CONFIG`, else `/etc/componentd/config.json` if it exists), that over the defaults.
 * @throws UserError with every problem of the file, for a runtime that nobody knows, or when the file named is not there; InfrastructureError when it cannot be read
 */
export function loadConfig(flags: Flags, environment: Environment = process.env): Config {
  const fromFile = readConfigFile(environment.COMPONENTD_CONFIG);
  const given = {
    ...defaults,
    ...(fromFile.policy === 'hardened' && hardened),
    ...fromFile,
    ...defined({
      address: environment.CONTAINERD_ADDRESS,
      project: environment.COMPONENTD_PROJECT,
      stateDir: environment.COMPONENTD_STATE_DIR,
      runtime: environment.COMPONENTD_RUNTIME,
    }),
    ...defined(flags),
  };
  throwProblems('The configuration of componentd is wrong', problemsOfRuntime(given));
  return Object.freeze({
    ...given,
    address: given.address.replace(/^unix:(\/\/)?/, ''),
    project: resolve(given.project),
    stateDir: resolve(given.stateDir),
    color: flags.color ?? colorOf(environment),
    liveView: environment.TERM !== undefined && environment.TERM !== 'dumb',
    token: environment.COMPONENTD_TOKEN || undefined,
    tokenFile: flags.tokenFile,
    searchPath: environment.PATH ?? '',
    credentialEnvironment: credentialEnvironment(environment),
    crashAt: environment.COMPONENTD_CRASH_AT || undefined,
  });
}

/** What was asked for wins over what a terminal can do: `FORCE_COLOR` (0 for none), `NO_COLOR`, then `TERM`. */
function colorOf({ FORCE_COLOR: force, NO_COLOR: none, TERM: terminal }: Environment): Config['color'] {
  if (force !== undefined && force !== '') return force === '0' ? 'never' : 'always';
  return (none !== undefined && none !== '') || terminal === 'dumb' ? 'never' : 'auto';
}

/** How many columns the terminal is said to have (`COLUMNS`), for whoever wants another width than it tells itself. */
export function columnsWished(environment: Environment = process.env): number | undefined {
  const { COLUMNS: wished = '' } = environment;
  return /^[1-9]\d{0,3}$/.test(wished) ? Number(wished) : undefined;
}

function readConfigFile(path: string | undefined): Partial<typeof defaults> {
  let text: string;
  try {
    text = readFileSync(path ?? defaultFile, 'utf8');
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (path === undefined && code === 'ENOENT') return {};
    if (code !== 'ENOENT' && code !== 'ENOTDIR') {
      throw new InfrastructureError(`${path ?? defaultFile} cannot be read: ${(error as Error).message}`, {
        cause: error,
        hint: 'Make it a file that the user who runs componentd can read, or name another one in COMPONENTD_CONFIG.',
      });
    }
    throw new UserError(`there is no configuration file ${path ?? defaultFile}`, {
      cause: error,
      hint: 'Name one that exists in COMPONENTD_CONFIG, or unset it.',
    });
  }
  const source = path ?? defaultFile;
  const problems: Problem[] = [];
  let plain: unknown = {};
  try {
    plain = toPlain(parseJson(text));
  } catch (error) {
    if (!(error instanceof JsonSyntaxError)) throw error;
    problems.push({ source, message: error.message });
  }
  if (!isObject(plain)) {
    problems.push({ source, message: 'must be an object' });
    plain = {};
  }
  for (const [key, value] of Object.entries(plain as object)) {
    const problem = complaint(key, value);
    if (problem !== undefined) problems.push({ source, path: key, ...problem });
    else if (key === 'runtimes') problems.push(...problemsOfRuntimes(value as object, source));
    else if (key === 'limits')
      problems.push(...problemsOfLimits(value as object).map((wrong) => ({ source, ...wrong })));
    else if (key === 'networks')
      problems.push(...problemsOfNetworks(value as object).map((wrong) => ({ source, ...wrong })));
    else if (key === 'images')
      problems.push(...problemsOfImages(value as object).map((wrong) => ({ source, ...wrong })));
  }
  throwProblems('The configuration of componentd is wrong', problems);
  return plain as Partial<typeof defaults>;
}

function complaint(key: string, value: unknown): Problem | undefined {
  if (!Object.hasOwn(defaults, key)) {
    const settings = Object.keys(defaults);
    const hint = suggestFrom(key, settings, 'settings');
    return { message: 'is not a setting', hint };
  }
  const example = (defaults as Readonly<Record<string, unknown>>)[key];
  if (typeof example === 'object') return isObject(value) ? undefined : { message: 'must be an object' };
  if (typeof value !== typeof example) return { message: `must be a ${typeof example}` };
  if (typeof value === 'number' && !(Number.isSafeInteger(value) && value > 0))
    return { message: 'must be a whole number above 0' };
  if (key === 'policy' && value !== 'compatible' && value !== 'hardened')
    return { message: 'must be compatible or hardened' };
  if (key === 'tenant' && !/^[a-z0-9](?:[a-z0-9-]{0,38}[a-z0-9])?$/.test(String(value))) {
    return { message: 'must be 1 to 40 lower-case letters, digits and dashes' };
  }
  if ((key === 'address' || key === 'stateDir') && !isAbsolute(String(value)))
    return { message: 'must be an absolute path' };
  return undefined;
}

const knownRuntimes = ['runc', 'crun'];

function problemsOfRuntime({ runtime, runtimes }: Pick<Config, 'runtime' | 'runtimes'>): Problem[] {
  const known = [...new Set([...knownRuntimes, ...Object.keys(runtimes)])];
  if (known.includes(runtime)) return [];
  const hint = `${suggestFrom(runtime, known, 'known')}; describe others in the setting runtimes`;
  return [{ path: 'runtime', message: `"${runtime}" is not known`, hint }];
}

const runtimeSettings = ['binary', 'root', 'shim', 'configPath'];

function problemsOfRuntimes(runtimes: object, source: string): Problem[] {
  const problems: Problem[] = [];
  for (const [name, settings] of Object.entries(runtimes)) {
    const complain = (path: string, message: string): number => problems.push({ source, path, message });
    const path = `runtimes.${name}`;
    if (!/^[a-z0-9](?:[a-z0-9._-]{0,62}[a-z0-9])?$/.test(name))
      complain(path, 'must be named by 1 to 64 lower-case letters, digits, dots, dashes and underscores');
    if (!isObject(settings)) {
      complain(path, 'must be an object');
      continue;
    }
    for (const [key, value] of Object.entries(settings)) {
      const wrong = complaintAboutRuntime(key, value);
      if (wrong !== undefined) complain(`${path}.${key}`, wrong);
    }
    const { binary, root, shim, configPath } = settings as RuntimeSettings;
    if (shim !== undefined && (binary ?? root) !== undefined) complain(path, 'has a shim, so neither binary nor root');
    if (shim === undefined && configPath !== undefined) complain(path, 'has a configPath, so it must have a shim');
  }
  return problems;
}

function complaintAboutRuntime(key: string, value: unknown): string | undefined {
  if (!runtimeSettings.includes(key)) return `is not a setting of a runtime; those are ${runtimeSettings.join(', ')}`;
  if (typeof value !== 'string') return 'must be a string';
  if (key === 'shim' && !/^[a-z0-9]+(?:\.[a-z0-9]+)+\.v[0-9]+$/.test(value))
    return 'must be a name such as io.containerd.runsc.v1';
  const isName = /^[A-Za-z0-9][A-Za-z0-9._-]*$/.test(value);
  if (key === 'binary' && !isName && !isAbsolute(value)) return 'must be a name in PATH or an absolute path';
  if ((key === 'root' || key === 'configPath') && !isAbsolute(value)) return 'must be an absolute path';
  return undefined;
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function defined<T extends object>(values: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined && value !== '')) as never;
}
