import { InfrastructureError } from '../../base/errors.ts';
import { type JsonSyntaxError, parseJson, toPlain } from '../../base/json.ts';
import { readOwnFile } from '../../base/secret-file.ts';
import type { CredentialQuery, RegistrySecret } from '../types.ts';
import { askHelper, type HelperPlace } from './helper-program.ts';
import { narrowest } from './server.ts';

type Entry = Readonly<Record<string, unknown>>;

interface DockerConfig {
  readonly auths: readonly (readonly [string, Entry])[];
  readonly credHelpers: readonly (readonly [string, string])[];
  readonly credsStore: string | undefined;
}

const maxBytes = 1024 * 1024;
/** The name under which every tool keeps the credentials of Docker Hub. */
const hub = { host: 'registry-1.docker.io', server: 'https://index.docker.io/v1/' } as const;

/**
 * The secret that a file of Docker's or podman's (`config.json`, `auth.json`) has for a repository: from the helper of the registry, else
 * from the store of all, else written in the file, where podman may name a path of the registry. The file is read anew each time.
 * @throws InfrastructureError for a file or a helper that cannot be used; it shows nothing of either's content
 */
export async function dockerSecret(
  path: string,
  query: CredentialQuery,
  helpers: HelperPlace,
): Promise<RegistrySecret | undefined> {
  const { auths, credHelpers, credsStore } = await readDockerConfig(path);
  const own = narrowest(credHelpers, query);
  const name = own?.[1] || credsStore;
  if (name) {
    const server = query.host === hub.host ? hub.server : (own?.[0] ?? query.host);
    const secret = await askHelper(name, server, { ...helpers, signal: query.signal });
    if (secret !== undefined) return secret;
  }
  const written = auths.flatMap(([server, entry]) => {
    const secret = entrySecret(entry, { server, path });
    return secret === undefined ? [] : [[server, secret] as const];
  });
  return narrowest(written, query)?.[1]();
}

async function readDockerConfig(path: string): Promise<DockerConfig> {
  const { text } = await readOwnFile(path, { what: 'the Docker configuration', maxBytes, forbidden: 0o022 });
  const root = asObject(plainOf(text, path));
  const auths = Object.entries(asObject(root?.auths) ?? {}).map(
    ([server, entry]) => [server, asObject(entry) ?? {}] as const,
  );
  const helpers = Object.entries(asObject(root?.credHelpers) ?? {});
  if (root === undefined) throw unusable(path, 'is not a JSON object');
  return {
    auths,
    credHelpers: helpers.filter((entry): entry is [string, string] => typeof entry[1] === 'string'),
    credsStore: typeof root.credsStore === 'string' ? root.credsStore : undefined,
  };
}

/** A function, because an entry of another registry may be as wrong as it likes. Nothing for one that only says that a store has the rest. */
function entrySecret(
  entry: Entry,
  { server, path }: { readonly server: string; readonly path: string },
): (() => RegistrySecret) | undefined {
  const { registrytoken, identitytoken, auth, username, password } = entry;
  const origin = `the credentials for ${server} in ${path}`;
  if (isText(registrytoken)) {
    return () => {
      if (/^[\x21-\x7e]+$/.test(registrytoken)) return { kind: 'registry-token', token: registrytoken, origin };
      throw unusable(path, `has a "registrytoken" for ${server} with characters that no token has`);
    };
  }
  if (isText(identitytoken)) return () => ({ kind: 'identity-token', token: identitytoken, origin });
  if (isText(username) && isText(password)) return () => ({ kind: 'password', username, password, origin });
  if (!isText(auth)) return undefined;
  return () => {
    const decoded = Buffer.from(auth, 'base64').toString('utf8');
    const colon = decoded.indexOf(':');
    if (colon <= 0) throw unusable(path, `has an "auth" for ${server} that is not base64 of USER:PASSWORD`);
    return {
      kind: 'password',
      username: decoded.slice(0, colon),
      password: decoded.slice(colon + 1).replace(/\0+$/, ''),
      origin,
    };
  };
}

function plainOf(text: string, path: string): unknown {
  try {
    return toPlain(parseJson(text));
  } catch (error) {
    // Its message may show what stands there.
    const { line } = error as JsonSyntaxError;
    throw unusable(path, `is not JSON${line === undefined ? '' : ` (line ${line})`}`);
  }
}

function asObject(value: unknown): Entry | undefined {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
    ? (value as Record<string, unknown>)
    : undefined;
}

function isText(value: unknown): value is string {
  return typeof value === 'string' && value !== '';
}

function unusable(path: string, problem: string): InfrastructureError {
  return new InfrastructureError(`the Docker configuration ${path} ${problem}`, {
    reason: 'credentials',
    hint: 'Write it anew with `docker login` or `podman login`, or name another file in images.dockerConfig.',
  });
}
