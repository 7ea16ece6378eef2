import type { EcrSettings } from '../../base/credential-settings.ts';
import { InfrastructureError } from '../../base/errors.ts';
import { readOwnFile, readSecretFile } from '../../base/secret-file.ts';
import type { AwsKey } from '../types.ts';

/** An access key and where it comes from, for messages. */
export interface FoundKey {
  readonly key: AwsKey;
  readonly origin: string;
}

/** The key that the operator's configuration names for a registry; nothing when it leaves that to the environment. */
export async function configuredKey(server: string, settings: EcrSettings): Promise<FoundKey | undefined> {
  const { accessKeyId, secretFile, sessionTokenFile } = settings;
  if (accessKeyId === undefined || secretFile === undefined) return undefined;
  const secretAccessKey = await readSecretFile(secretFile, 'the file of the AWS secret');
  const sessionToken =
    sessionTokenFile === undefined
      ? undefined
      : await readSecretFile(sessionTokenFile, 'the file of the AWS session token');
  const key = { accessKeyId, secretAccessKey, ...(sessionToken !== undefined && { sessionToken }) };
  return { key, origin: `images.credentials for ${server}` };
}

/**
 * The key of the environment: `AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY` and `AWS_SESSION_TOKEN`, else the profile `AWS_PROFILE` (else
 * `default`) of the file `AWS_SHARED_CREDENTIALS_FILE`. Nobody's home is searched. @throws InfrastructureError when that names no key
 */
export async function environmentKey(environment: Readonly<Record<string, string>>): Promise<FoundKey | undefined> {
  const { AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN } = environment;
  if (AWS_ACCESS_KEY_ID && AWS_SECRET_ACCESS_KEY)
    return { key: keyOf(AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN), origin: 'the environment' };
  const { AWS_SHARED_CREDENTIALS_FILE: path, AWS_PROFILE: profile = 'default' } = environment;
  if (!path) return undefined;
  const { text } = await readOwnFile(path, {
    what: 'AWS_SHARED_CREDENTIALS_FILE',
    maxBytes: 1024 * 1024,
    forbidden: 0o022,
  });
  const { aws_access_key_id: id, aws_secret_access_key: secret, aws_session_token: session } = section(text, profile);
  const origin = `the profile ${profile} in ${path}`;
  if (id && secret) return { key: keyOf(id, secret, session), origin };
  throw new InfrastructureError(`${origin} names no AWS access key`, {
    reason: 'credentials',
    hint: 'Give it aws_access_key_id and aws_secret_access_key, or name another profile in AWS_PROFILE.',
  });
}

function keyOf(accessKeyId: string, secretAccessKey: string, sessionToken: string | undefined): AwsKey {
  return { accessKeyId, secretAccessKey, ...(sessionToken && { sessionToken }) };
}

/** `name = value` lines below `[profile]`, as in AWS's files; the last of several counts. */
function section(text: string, profile: string): Readonly<Record<string, string | undefined>> {
  const values: Record<string, string> = {};
  let inside = false;
  for (const line of text.split('\n')) {
    const [, name] = /^\s*\[\s*([^\]]+?)\s*\]/.exec(line) ?? [];
    if (name !== undefined) inside = name === profile;
    const [, key = '', value = ''] = /^\s*([a-z_]+)\s*=\s*(\S+)\s*$/.exec(line) ?? [];
    if (inside && key !== '') values[key] = value;
  }
  return values;
}
