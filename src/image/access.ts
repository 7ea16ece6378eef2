import { createHmac, randomBytes } from 'node:crypto';
import type { AccessSettings } from '../base/image-trust.ts';
import type { Image } from '../gen/containerd.ts';
import type { RegistryCredentials } from './types.ts';

/**
 * Who may use an image that is here. `own`: it was imported or built here. `public`: its registry gave it to somebody who did not say who
 * he is. `private`: its registry gave it to somebody, and when it did.
 */
export type Access =
  | { readonly kind: 'own' | 'public' }
  | { readonly kind: 'private'; readonly salt: string; readonly given: ReadonlyMap<string, number> };

export interface AccessRules {
  /** How long the registry's word counts. */
  readonly freshMs: number;
  /** How much longer it does while the registry cannot be reached. */
  readonly graceMs: number;
}

/** On an image record: `DIGEST own`, `DIGEST public`, or `DIGEST private SALT WHO@SECONDS…`; of another digest it says nothing. */
export const accessLabel = 'componentd.access';

const hourMs = 3_600_000;
/** Many enough for the components of a tenant that bring credentials of their own; who is forgotten is only asked for again. */
const mostGiven = 8;

/** A day unless told otherwise: what is taken away at the registry is out of use by tomorrow, and most nights it may be down. */
export function accessRulesOf({ hours = 24, graceHours = 0 }: AccessSettings = {}): AccessRules {
  return { freshMs: hours * hourMs, graceMs: graceHours * hourMs };
}

/** What a record says of its target; `undefined` when it says nothing that counts. */
export function readAccess({ target, labels }: Image): Access | undefined {
  const [digest, kind, salt = '', ...given] = (labels[accessLabel] ?? '').split(' ');
  if (target === null || digest !== target.digest) return undefined;
  if (kind === 'own' || kind === 'public') return { kind };
  if (kind !== 'private') return undefined;
  return { kind, salt, given: new Map(given.flatMap(readGiven)) };
}

function readGiven(entry: string): readonly (readonly [string, number])[] {
  const [, who = '', seconds] = /^([a-z0-9]+)@(\d{1,11})$/.exec(entry) ?? [];
  return seconds === undefined ? [] : [[who, Number(seconds)]];
}

/** Who may use it, and when its registry last gave it to somebody: for people. */
export interface AccessSummary {
  readonly kind: Access['kind'];
  /** ISO 8601, UTC; of a private one. */
  readonly givenAt?: string;
}

export function summarizeAccess(access: Access): AccessSummary {
  if (access.kind !== 'private') return { kind: access.kind };
  const seconds = Math.max(0, ...access.given.values());
  return { kind: access.kind, givenAt: new Date(seconds * 1000).toISOString() };
}

export function formatAccess(digest: string, access: Access): string {
  if (access.kind !== 'private') return `${digest} ${access.kind}`;
  return [digest, access.kind, access.salt, ...Array.from(access.given, ([who, at]) => `${who}@${at}`)].join(' ');
}

/** When the registry last gave the image to whoever brings these credentials, in milliseconds since 1970. */
export function givenAt(access: Access | undefined, credentials: RegistryCredentials | undefined): number | undefined {
  if (access?.kind !== 'private') return undefined;
  const seconds = access.given.get(whoIs(access.salt, credentials));
  return seconds === undefined ? undefined : seconds * 1000;
}

/** The same, now that the registry gave it once more. */
export function givenNow(before: Access | undefined, credentials: RegistryCredentials | undefined): Access {
  const salt = before?.kind === 'private' ? before.salt : randomBytes(16).toString('hex');
  const given = new Map(before?.kind === 'private' ? before.given : []);
  const who = whoIs(salt, credentials);
  given.delete(who);
  return {
    kind: 'private',
    salt,
    given: new Map([...given, [who, Math.floor(Date.now() / 1000)] as const].slice(-mostGiven)),
  };
}

/**
 * Who brings nothing is the tenant, with what the node has for him. Salted, so that records tell nothing of one another; who may read containerd's
 * could still try out short passwords.
 */
function whoIs(salt: string, credentials: RegistryCredentials | undefined): string {
  if (credentials === undefined) return 'tenant';
  const { server = '', username, password, kind = '', region = '' } = credentials;
  return createHmac('sha256', salt)
    .update(JSON.stringify([server, kind, region, username, password]))
    .digest('hex')
    .slice(0, 32);
}
