import type { Reference } from '../reference.ts';
import type { CredentialSource, RegistryCredentials } from '../types.ts';
import { parseServer } from './server.ts';

/** What a request brings along counts first, and goes to its server only; every other host gets what the tenant's own source has for it. */
export function credentialsFor(
  { domain }: Pick<Reference, 'domain'>,
  given: RegistryCredentials | undefined,
  tenant: CredentialSource | undefined,
): CredentialSource | undefined {
  if (given === undefined) return tenant;
  const { kind, username, password, server, region } = given;
  const { host } = parseServer(server || domain);
  return {
    ...(host !== parseServer(domain).host && { otherHost: host }),
    find: async (query) => {
      if (query.host !== host) return tenant?.find(query);
      if (kind === undefined) return { kind: 'password', username, password };
      const key = { accessKeyId: username, secretAccessKey: password };
      return tenant?.find({ ...query, given: { key, ...(region !== undefined && { region }) } });
    },
  };
}
