import { apiHost, isLoopbackHost } from '../reference.ts';
import type { CredentialQuery } from '../types.ts';

/** What somebody keeps a secret for: a registry, or the repositories below one path of it. */
export interface Server {
  /** As in {@link CredentialQuery}. */
  readonly host: string;
  /** `team/images`; empty for the whole registry. */
  readonly prefix: string;
}

/**
 * Reads the names that people and tools give a registry: `quay.io`, `quay.io/team`, `https://quay.io`, `quay.io/v2/`, and for
 * Docker Hub also `docker.io` and `https://index.docker.io/v1/`. An address with a scheme is always a whole registry.
 */
export function parseServer(text: string): Server {
  const [, scheme = '', rest = ''] = /^(https?:\/\/)?(.*)$/is.exec(text.trim()) ?? [];
  const slash = rest.indexOf('/');
  const path = slash < 0 || scheme !== '' ? '' : rest.slice(slash + 1);
  const prefix = /^v[12]\/$/.test(path) ? '' : path.replace(/\/+$/, '');
  return { host: canonicalHost(slash < 0 ? rest : rest.slice(0, slash)), prefix };
}

function canonicalHost(text: string): string {
  const lower = text.toLowerCase();
  const host = isLoopbackHost(lower) ? lower.replace(/:(?:80|443)$/, '') : lower.replace(/:443$/, '');
  return apiHost(host === 'index.docker.io' ? 'docker.io' : host);
}

/** The entry whose key covers the repository most narrowly; of several spellings of one key, the host as it is asked, then the first. */
export function narrowest<T>(
  entries: readonly (readonly [string, T])[],
  { host, repository }: Pick<CredentialQuery, 'host' | 'repository'>,
): readonly [string, T] | undefined {
  const covering = entries.flatMap((entry) => {
    const server = parseServer(entry[0]);
    const covers = server.host === host && (server.prefix === '' || `${repository}/`.startsWith(`${server.prefix}/`));
    return covers ? [{ entry, length: server.prefix.length, isExact: entry[0].startsWith(host) }] : [];
  });
  covering.sort((a, b) => b.length - a.length || Number(b.isExact) - Number(a.isExact));
  return covering[0]?.entry;
}
