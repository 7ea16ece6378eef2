import { readFileSync } from 'node:fs';
import { isAbsolute, resolve } from 'node:path';
import { InfrastructureError, type Problem, throwProblems, UserError } from './base/errors.ts';
import { JsonSyntaxError, parseJson, toPlain } from './base/json.ts';

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
  readonly pidsLimit: number;
  readonly graceMs: number;
  readonly logBacklogBytes: number;
  readonly maxOutputBytes: number;
  readonly maxInputTableBytes: number;
  /** `auto`: on a terminal only. */
  readonly color: 'auto' | 'always' | 'never';
  /** False for a terminal that cannot move its cursor. */
  readonly liveView: boolean;
  /** For tests: the step at which the process kills itself, see `Journal`. */
  readonly crashAt: string | undefined;
}

export type Flags = Partial<Pick<Config, 'address' | 'project' | 'stateDir' | 'color'>>;
export type Environment = Readonly<Record<string, string | undefined>>;

const defaultFile = '/etc/componentd/config.json';

const defaults: Omit<Config, 'color' | 'liveView' | 'crashAt'> = {
  address: '/run/containerd/containerd.sock',
  project: '/var/lib/componentd/project',
  stateDir: '/var/lib/componentd',
  tenant: 'default',
  policy: 'compatible',
  snapshotter: 'overlayfs',
  pidsLimit: 4096,
  graceMs: 30_000,
  logBacklogBytes: 1024 ** 3,
  maxOutputBytes: 100_000_000_000,
  maxInputTableBytes: 100_000_000_000,
};

/**
 * Flags win over the environment (`CONTAINERD_ADDRESS`, `COMPONENTD_PROJECT`, `COMPONENTD_STATE_DIR`), that over the file
 * (`COMPONENTD_CONFIG`, else `/etc/componentd/config.json` if it exists), that over the defaults.
 * @throws UserError with every problem of the file, or when the one named is not there; InfrastructureError when it cannot be read
 */
export function loadConfig(flags: Flags, environment: Environment = process.env): Config {
  const fromFile = readConfigFile(environment.COMPONENTD_CONFIG);
  const given = {
    ...defaults,
    ...fromFile,
    ...defined({
      address: environment.CONTAINERD_ADDRESS,
      project: environment.COMPONENTD_PROJECT,
      stateDir: environment.COMPONENTD_STATE_DIR,
    }),
    ...defined(flags),
  };
  return Object.freeze({
    ...given,
    address: given.address.replace(/^unix:(\/\/)?/, ''),
    project: resolve(given.project),
    stateDir: resolve(given.stateDir),
    color: flags.color ?? colorOf(environment),
    liveView: environment.TERM !== undefined && environment.TERM !== 'dumb',
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
  if (typeof plain !== 'object' || plain === null || Array.isArray(plain)) {
    problems.push({ source, message: 'must be an object' });
    plain = {};
  }
  for (const [key, value] of Object.entries(plain as object)) {
    const problem = complaint(key, value);
    if (problem !== undefined) problems.push({ source, path: key, ...problem });
  }
  throwProblems('The configuration of componentd is wrong', problems);
  return plain as Partial<typeof defaults>;
}

function complaint(key: string, value: unknown): Problem | undefined {
  const example = (defaults as Readonly<Record<string, unknown>>)[key];
  if (example === undefined) {
    return { message: 'is not a setting', hint: `settings are ${Object.keys(defaults).join(', ')}` };
  }
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

function defined<T extends object>(values: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined && value !== '')) as never;
}
