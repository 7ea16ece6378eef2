import { type Problem, throwProblems } from '../../base/errors.ts';
import type { Need } from '../../job/storage.ts';

/** What a token may do. A higher level holds the lower ones; `run` of a configuration is to read it and to save its state. */
export interface Rights {
  /**
   * By bucket id, or by pattern: a beginning with `*` behind it, `*` alone for all. The one that says most about a bucket decides, so
   * `{"in.*": "read", "in.c-secret": "none"}` is every bucket of the stage `in` but one. What nothing fits is `none`.
   */
  readonly buckets: Readonly<Record<string, BucketLevel>>;
  /** Definitions of components. */
  readonly components: 'none' | 'read' | 'write';
  readonly configurations: 'none' | 'read' | 'run' | 'write';
  /** Files of others are not seen with `own`. Every token may add files. */
  readonly files: 'own' | 'all';
  /** To make tokens, which never may more than their maker, and to see, renew and remove those. */
  readonly tokens: 'none' | 'manage';
}

export type BucketLevel = 'none' | 'read' | 'write';

/** Each right's levels, lowest first. */
export const levels = {
  bucket: ['none', 'read', 'write'],
  components: ['none', 'read', 'write'],
  configurations: ['none', 'read', 'run', 'write'],
  files: ['own', 'all'],
  tokens: ['none', 'manage'],
} as const;

const patternForm = /^(\*|(in|out|sys)\.([A-Za-z0-9_-]{1,96}|[A-Za-z0-9_-]{0,95}\*))$/;
const mostPatterns = 1000;

/** Nothing, but files of its own: what a right is that a token does not speak of. */
export const noRights: Rights = {
  buckets: {},
  components: 'none',
  configurations: 'none',
  files: 'own',
  tokens: 'none',
};

/** Whether these rights cover the need. */
export function covers(rights: Rights, need: Need): boolean {
  const [order, held] =
    need.on === 'bucket' ? [levels.bucket, levelOf(rights, need.bucket)] : [levels[need.on], rights[need.on]];
  const wanted = (order as readonly string[]).indexOf(need.to);
  return wanted >= 0 && (order as readonly string[]).indexOf(held) >= wanted;
}

function levelOf({ buckets }: Rights, bucket: string): BucketLevel {
  if (Object.hasOwn(buckets, bucket)) return buckets[bucket] ?? 'none';
  const fitting = Object.keys(buckets).filter(
    (pattern) => pattern.endsWith('*') && bucket.startsWith(pattern.slice(0, -1)),
  );
  const [closest] = fitting.sort((one, other) => other.length - one.length);
  return (closest === undefined ? undefined : buckets[closest]) ?? 'none';
}

/** @throws UserError with every pattern that cannot name a bucket */
export function assertPatterns(buckets: Rights['buckets']): void {
  const patterns = Object.keys(buckets);
  const hint = 'write in.c-shop, in.c-sales-*, in.* or *';
  const problems: Problem[] = patterns
    .filter((pattern) => !patternForm.test(pattern))
    .map((pattern) => ({ message: `${JSON.stringify(pattern)} names no bucket`, hint }));
  if (patterns.length > mostPatterns)
    problems.push({ message: `a token has at most ${mostPatterns} buckets and patterns` });
  throwProblems('The rights are wrong', problems);
}

/** A need in words, behind "may not". */
export function inWords(need: Need): string {
  switch (need.on) {
    case 'bucket':
      return `${need.to} bucket ${need.bucket}`;
    case 'components':
      return `${need.to} component definitions`;
    case 'configurations':
      return need.to === 'run' ? 'save the state of configurations' : `${need.to} configurations`;
    case 'files':
      return 'use files of other tokens';
    case 'tokens':
      return 'manage tokens';
  }
}

/** The right that a need asks for, as `storage token create` has it. */
export function rightFor(need: Need): string {
  if (need.on === 'bucket') return `--${need.to} ${need.bucket}`;
  return need.on === 'tokens' ? '--manage-tokens' : `--${need.on} ${need.to}`;
}
