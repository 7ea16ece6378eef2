import { isAbsolute } from 'node:path';
import type { Problem } from './errors.ts';
import { suggestFrom } from './suggest.ts';

/** By registry, `host[:port]`, or by the repositories below a path of it, `host[:port]/path`: the longest that fits counts. */
export type CredentialSettings = Readonly<Record<string, UserSettings | { readonly ecr: EcrSettings }>>;

export interface UserSettings {
  /** `<token>` when the file holds an identity token. */
  readonly username: string;
  /** Absolute path; a file that only root or the user who runs componentd can read. */
  readonly passwordFile: string;
  /** `host[:port]` of the registry's token server, where that is of another domain. */
  readonly tokenServer?: string;
}

/** A registry of AWS, whose passwords last half a day and are asked for with an AWS access key: the environment's when none is named. */
export interface EcrSettings {
  readonly accessKeyId?: string;
  readonly secretFile?: string;
  readonly sessionTokenFile?: string;
  /** Needed where the registry's name does not tell it. */
  readonly region?: string;
  /** Where ECR's own API is, when it is not the public one of the region: `https`, or `http` on this machine. */
  readonly endpoint?: string;
}

const passedOn =
  /^(?:PATH|HOME|USER|LOGNAME|LANG|LC_\w+|TZ|TMPDIR|XDG_\w+|DBUS_SESSION_BUS_ADDRESS|DOCKER_CONFIG|GNUPGHOME|PASSWORD_STORE_\w+|SSL_CERT_(?:FILE|DIR)|(?:HTTPS?|NO|ALL)_PROXY|(?:https?|no|all)_proxy|(?:AWS|GOOGLE|CLOUDSDK|AZURE)_\w+)$/;

/** What of an environment is for credential helpers: where they find their own things, and what clouds call their credentials. */
export function credentialEnvironment(
  environment: Readonly<Record<string, string | undefined>>,
): Readonly<Record<string, string>> {
  const entries = Object.entries(environment).filter(
    (entry): entry is [string, string] => passedOn.test(entry[0]) && entry[1] !== undefined,
  );
  return Object.fromEntries(entries);
}

const serverPattern =
  /^(?:\[[0-9a-f:]+\]|[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?)(?::[0-9]{1,5})?(?:\/[a-z0-9]+(?:[._-]+[a-z0-9]+)*)*$/;
const hostPattern = /^(?:\[[0-9a-f:]+\]|[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?)(?::[0-9]{1,5})?$/;

type Complain = (value: unknown) => string | undefined;

const text: Complain = (value) => (typeof value === 'string' && value !== '' ? undefined : 'must be a text');
const path: Complain = (value) =>
  typeof value === 'string' && isAbsolute(value) ? undefined : 'must be an absolute path';

const userKeys: Readonly<Record<keyof UserSettings, Complain>> = {
  username: (value) =>
    typeof value === 'string' && value !== '' && !value.includes(':') ? undefined : 'must be a text without a colon',
  passwordFile: path,
  tokenServer: (value) =>
    typeof value === 'string' && hostPattern.test(value)
      ? undefined
      : 'must be a host in lower case, with a port if need be',
};

const ecrKeys: Readonly<Record<keyof EcrSettings, Complain>> = {
  accessKeyId: text,
  secretFile: path,
  sessionTokenFile: path,
  region: (value) =>
    typeof value === 'string' && /^[a-z]{2,}(?:-[a-z0-9]+)+$/.test(value)
      ? undefined
      : 'must be a region such as eu-central-1',
  endpoint: (value) => {
    const url = typeof value === 'string' && URL.canParse(value) ? new URL(value) : undefined;
    const isHere = url?.protocol === 'http:' && /^(?:localhost|127\.\d+\.\d+\.\d+|\[::1\])$/.test(url.hostname);
    const isBare = url?.pathname === '/' && `${url.search}${url.hash}${url.username}${url.password}` === '';
    return isBare && (isHere || url.protocol === 'https:')
      ? undefined
      : 'must be https://HOST, or http on this machine';
  },
};

/** Everything that is wrong with the setting `images.credentials`, each with its path. */
export function problemsOfCredentials(value: unknown, at: string): readonly Problem[] {
  if (!isObject(value)) return [{ path: at, message: 'must be an object of registries' }];
  return Object.entries(value).flatMap(([server, settings]) => {
    const place = `${at}.${server}`;
    if (!serverPattern.test(server)) {
      const hint = 'for example quay.io, quay.io/team or docker.io';
      return [{ path: place, message: 'must be a registry in lower case without a scheme, or a path of it', hint }];
    }
    if (!isObject(settings)) return [{ path: place, message: 'must be an object' }];
    return 'ecr' in settings ? problemsOfEcr(settings, place) : problemsOfUser(settings, place);
  });
}

function problemsOfUser(settings: object, at: string): readonly Problem[] {
  const missing = (['username', 'passwordFile'] as const).filter((key) => !(key in settings));
  const hint = 'write {"username": …, "passwordFile": …} or {"ecr": {…}}';
  return [
    ...missing.map((key) => ({ path: at, message: `must have "${key}"`, hint })),
    ...problemsOfKeys(settings, userKeys, at),
  ];
}

function problemsOfEcr({ ecr, ...others }: { readonly ecr?: unknown }, at: string): readonly Problem[] {
  const problems = Object.keys(others).map((key) => ({ path: `${at}.${key}`, message: 'cannot stand beside "ecr"' }));
  if (!isObject(ecr)) return [...problems, { path: `${at}.ecr`, message: 'must be an object' }];
  const { accessKeyId, secretFile, sessionTokenFile } = ecr as EcrSettings;
  if ((accessKeyId === undefined) !== (secretFile === undefined))
    problems.push({ path: `${at}.ecr`, message: 'must have both "accessKeyId" and "secretFile", or neither' });
  if (sessionTokenFile !== undefined && accessKeyId === undefined)
    problems.push({ path: `${at}.ecr.sessionTokenFile`, message: 'belongs to an "accessKeyId"' });
  return [...problems, ...problemsOfKeys(ecr, ecrKeys, `${at}.ecr`)];
}

function problemsOfKeys(settings: object, known: Readonly<Record<string, Complain>>, at: string): readonly Problem[] {
  return Object.entries(settings).flatMap(([key, value]): readonly Problem[] => {
    const complain = Object.hasOwn(known, key) ? known[key] : undefined;
    if (complain === undefined) {
      const names = Object.keys(known);
      const hint = suggestFrom(key, names, 'settings');
      return [{ path: `${at}.${key}`, message: 'is not a setting here', hint }];
    }
    const message = complain(value);
    return message === undefined ? [] : [{ path: `${at}.${key}`, message }];
  });
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
