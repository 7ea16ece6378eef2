import { InfrastructureError } from '../../base/errors.ts';
import type { HostSettings } from '../hosts/types.ts';

/** What an operator can write where, for each reason for which a host cannot be spoken to. */
function adviceFor({ origin, file, isConfigured }: HostSettings): Readonly<Record<string, string>> {
  const key = isConfigured ? 'the host' : 'server';
  return {
    host_unknown:
      'Check the names of the host and of the image: `componentd image ls` lists what is on this node already.',
    certificate_refused: `Name the authority that signed it as ca in ${file}, or in NODE_EXTRA_CA_CERTS.`,
    certificate_wanted: `Name the certificate that it expects, with its key, as client in ${file}.`,
    not_http: `If it speaks TLS, write ${key} as "https://${origin.host}" in ${file}, with the authority that signed its certificate as ca.`,
    not_tls: `If it speaks plain http, write ${key} as "http://${origin.host}" in ${file}; that is possible on this machine only.`,
  };
}

/** The same error, with advice where it has a reason and no hint of its own. */
export function withAdvice(error: unknown, settings: HostSettings): unknown {
  if (!(error instanceof InfrastructureError) || error.reason === undefined || error.hint !== undefined) return error;
  const hint = adviceFor(settings)[error.reason];
  if (hint === undefined) return error;
  return new InfrastructureError(error.message, { cause: error.cause, reason: error.reason, hint });
}

/** For hosts of which none has answered: many that speak TLS just hang up on plain http. */
export function adviceForSilence(hosts: readonly { readonly settings: HostSettings }[]): string | undefined {
  const plain = hosts.find(({ settings }) => settings.origin.protocol === 'http:');
  return plain && adviceFor(plain.settings).not_http;
}
