import type { CredentialSettings, EcrSettings } from '../../base/credential-settings.ts';
import { readSecretFile } from '../../base/secret-file.ts';
import type { CredentialQuery, RegistrySecret } from '../types.ts';
import { narrowest } from './server.ts';

/** What the operator's configuration has for a repository: a secret, or how to get one from ECR. */
export type OperatorEntry =
  | { readonly server: string; readonly secret: () => Promise<RegistrySecret> }
  | { readonly server: string; readonly ecr: EcrSettings };

/** The entry of `images.credentials` that counts for the repository. Its file is read when the secret is wanted. */
export function operatorEntry(settings: CredentialSettings, query: CredentialQuery): OperatorEntry | undefined {
  const found = narrowest(Object.entries(settings), query);
  if (found === undefined) return undefined;
  const [server, entry] = found;
  if ('ecr' in entry) return { server, ecr: entry.ecr };
  const { username, passwordFile, tokenServer } = entry;
  return {
    server,
    secret: async () => {
      const text = await readSecretFile(passwordFile, 'the password file');
      const more = {
        origin: `the credentials for ${server} in images.credentials`,
        ...(tokenServer !== undefined && { tokenServer }),
      };
      return username === '<token>'
        ? { kind: 'identity-token', token: text, ...more }
        : { kind: 'password', username, password: text, ...more };
    },
  };
}
