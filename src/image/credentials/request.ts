import { apiHost, type Reference } from '../reference.ts';
import type { CredentialSource, RegistryCredentials } from '../types.ts';

/** What a request brings along goes to its server only; everything else is found in `others`. */
export function credentialsFor(
  reference: Reference,
  given: RegistryCredentials | undefined,
  others: CredentialSource | undefined,
): CredentialSource | undefined {
  if (given === undefined) return others;
  const { username, password, server = reference.domain } = given;
  const host = apiHost(server);
  return {
    find: async (query) => (query.host === host ? { kind: 'password', username, password } : others?.find(query)),
  };
}
