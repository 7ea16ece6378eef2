import { isLoopbackHost } from '../reference.ts';
import type { RegistrySecret } from '../types.ts';

/**
 * Why a token server that a registry names must not be asked (with the secret, if there is one), or `undefined` when it may be.
 * A realm is the registry's word: a secret goes over https to the registry's own host or a host of the same owner, judged by name only,
 * or to the one that the operator named with it.
 */
export function realmProblem(
  registry: URL,
  realm: URL,
  secret: Pick<RegistrySecret, 'tokenServer'> | undefined,
): string | undefined {
  const withCredentials = secret !== undefined;
  if (registry.protocol === 'http:') {
    const isHttp = /^https?:$/.test(realm.protocol);
    const allowed = (isHttp && isLoopbackHost(realm.host)) || (realm.protocol === 'https:' && !withCredentials);
    return allowed ? undefined : 'a registry on this machine must name a token server on this machine';
  }
  if (realm.protocol !== 'https:') return 'the token server of an https registry must use https';
  if (!withCredentials || secret.tokenServer === realm.host || sameOwner(registry.hostname, realm.hostname))
    return undefined;
  return 'credentials are sent only to the registry itself or to a host below the same domain';
}

function sameOwner(one: string, other: string): boolean {
  if (one === other) return true;
  if (isAddress(one) || isAddress(other)) return false;
  if (isBelow(one, other) || isBelow(other, one)) return true;
  const parent = one.slice(one.indexOf('.') + 1);
  return one.includes('.') && isOwnable(parent) && isBelow(other, parent);
}

function isBelow(name: string, domain: string): boolean {
  return isOwnable(domain) && name.endsWith(`.${domain}`);
}

/** At least two labels, and not a shared suffix such as `co.uk`. Without a public suffix list, this is as far as a name tells. */
function isOwnable(domain: string): boolean {
  const labels = domain.split('.');
  if (labels.length < 2 || labels.some((label) => label === '')) return false;
  const shared =
    labels.length === 2 && labels[1]?.length === 2 && /^(?:ac|co|com|edu|gov|mil|net|ne|or|org)$/.test(labels[0] ?? '');
  return !shared;
}

function isAddress(hostname: string): boolean {
  return hostname.startsWith('[') || /^[\d.]+$/.test(hostname);
}
