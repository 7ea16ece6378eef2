import { isAbsolute } from 'node:path';
import type { Problem } from './errors.ts';
import { type Check, listOf } from './list-check.ts';
import { suggestFrom } from './suggest.ts';

/** How long a registry's word counts that whoever asks may have an image that is not public. */
export interface AccessSettings {
  /** 24 when absent; 0 asks each time. */
  readonly hours?: number;
  /** How much longer it counts while the registry cannot be reached; 0 when absent. */
  readonly graceHours?: number;
}

/** What is asked of the signatures of the images below a registry or a repository. */
export interface SignatureRule {
  readonly policy: 'off' | 'warn' | 'require';
  /** Files with cosign's public keys (PEM); one signature by one of them is enough. */
  readonly keys?: readonly string[];
  /** Digests that need no signature, of an index or a manifest. */
  readonly digests?: readonly string[];
  /** Counts only signatures that name the repository from which the image comes; they may come from another one unless told so. */
  readonly sameRepository?: boolean;
}

/** By `registry`, `registry/repository` or the beginning of one (whole parts), or `*` for all others; the longest one counts. */
export type SignatureRules = Readonly<Record<string, SignatureRule>>;

const mostHours = 24 * 366;
const mostRules = 1000;
const mostEntries = 100;
const hostPattern = /^(?:[a-z0-9-]+(?:\.[a-z0-9-]+)*|\[[0-9a-f:]+\])(?::\d+)?$/;
const repositoryPattern = /^(?:\/[a-z0-9]+(?:[._-]+[a-z0-9]+)*)*$/;
const digestPattern = /^sha256:[a-f0-9]{64}$/;

/** Everything that is wrong with the setting `images.access`. */
export function problemsOfAccess(value: unknown, path: string): readonly Problem[] {
  if (!isObject(value)) return [{ path, message: 'must be an object' }];
  return Object.entries(value).flatMap(([key, hours]) => {
    const at = `${path}.${key}`;
    if (key !== 'hours' && key !== 'graceHours') return [unknown(at, key, ['hours', 'graceHours'])];
    const isRight = typeof hours === 'number' && hours >= 0 && hours <= mostHours;
    return isRight ? [] : [{ path: at, message: `must be a number of hours from 0 to ${mostHours}` }];
  });
}

/** Everything that is wrong with the setting `images.signatures`, as far as it can be told without the files. */
export function problemsOfSignatures(value: unknown, path: string): readonly Problem[] {
  if (!isObject(value))
    return [{ path, message: 'must be an object', hint: 'with a registry, a repository or * as keys' }];
  const rules = Object.entries(value);
  if (rules.length > mostRules) return [{ path, message: `has more than ${mostRules} rules` }];
  return rules.flatMap(([prefix, rule]) => {
    const at = `${path}.${prefix}`;
    const hint = 'write it in full and in lower case: docker.io/library, quay.io, 127.0.0.1:5000/acme';
    const wrong = { path: at, message: 'must name a registry or a repository', hint };
    return [...(isPlace(prefix) ? [] : [wrong]), ...problemsOfRule(rule, at)];
  });
}

/**
 * A registry's host under the one spelling by which rules know it: lower case, an address in its usual form, without the ports 80 and 443,
 * and `docker.io` for all names of Docker Hub. `undefined` for what is no host.
 */
export function registryName(domain: string): string | undefined {
  if (!URL.canParse(`https://${domain}`)) return undefined;
  const { host } = new URL(`https://${domain}`);
  const name = host.replace(/:80$/, '');
  return name === 'index.docker.io' || name === 'registry-1.docker.io' ? 'docker.io' : name;
}

function isPlace(prefix: string): boolean {
  if (prefix === '*') return true;
  const [host = ''] = prefix.split('/', 1);
  const isHost = hostPattern.test(host) && /[.:]|^localhost$/.test(host) && registryName(host) === host;
  return isHost && repositoryPattern.test(prefix.slice(host.length));
}

function problemsOfRule(rule: unknown, path: string): readonly Problem[] {
  if (!isObject(rule)) return [{ path, message: 'must be an object' }];
  const problems = Object.entries(rule).flatMap(([key, value]) => {
    const at = `${path}.${key}`;
    return Object.hasOwn(ruleChecks, key)
      ? ruleChecks[key as keyof SignatureRule](value, at)
      : [unknown(at, key, Object.keys(ruleChecks))];
  });
  const { policy, keys, digests } = rule as unknown as SignatureRule;
  if (policy === undefined) return [...problems, { path, message: 'must have a policy: off, warn or require' }];
  if (problems.length === 0 && policy !== 'off' && !keys?.length && !digests?.length)
    return [{ path, message: `must have keys or digests, because its policy is ${policy}` }];
  return problems;
}

const ruleChecks: Readonly<Record<keyof SignatureRule, Check>> = {
  policy: (value, path) =>
    value === 'off' || value === 'warn' || value === 'require'
      ? []
      : [{ path, message: 'must be off, warn or require' }],
  keys: listOf(mostEntries, (text) => (isAbsolute(text) ? undefined : 'must be an absolute path')),
  digests: listOf(mostEntries, (text) =>
    digestPattern.test(text) ? undefined : 'must be sha256: and 64 digits in lower case',
  ),
  sameRepository: (value, path) => (typeof value === 'boolean' ? [] : [{ path, message: 'must be true or false' }]),
};

function unknown(path: string, key: string, known: readonly string[]): Problem {
  return {
    path,
    message: 'is not known',
    hint: suggestFrom(key, known, 'known'),
  };
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
