import type { AgentOptions } from 'node:https';
import { createSecureContext, getCACertificates } from 'node:tls';
import type { TlsSettings } from '../hosts/types.ts';

/** How a host is spoken to whose settings these are. Its context is made once: the usual authorities take 10 ms to read. */
export function ownTls({ authorities, identities, skipVerify }: TlsSettings): AgentOptions {
  const verification = skipVerify ? { rejectUnauthorized: false } : {};
  if (authorities.length + identities.length === 0) return verification;
  const secureContext = createSecureContext({
    ...(authorities.length > 0 && { ca: withUsual(authorities) }),
    cert: identities.map(({ certificate }) => certificate),
    key: identities.map(({ key }) => key),
  });
  return { ...verification, secureContext };
}

/** How others are spoken to on that host's behalf: the same authorities are trusted, and nothing else of it counts. */
export function trustOf({ authorities }: TlsSettings): AgentOptions {
  return authorities.length === 0 ? {} : { secureContext: createSecureContext({ ca: withUsual(authorities) }) };
}

function withUsual(authorities: readonly string[]): string[] {
  return [...getCACertificates('default'), ...authorities];
}
