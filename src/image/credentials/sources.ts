import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { CredentialSettings, EcrSettings } from '../../base/credential-settings.ts';
import { InfrastructureError, UserError } from '../../base/errors.ts';
import type { AwsKey, CredentialQuery, CredentialSource, RegistrySecret } from '../types.ts';
import { configuredKey, environmentKey, type FoundKey } from './aws-key.ts';
import { dockerSecret } from './docker-config.ts';
import { EcrPasswords } from './ecr-passwords.ts';
import { ecrEndpoint, parseEcrRegistry } from './ecr-registry.ts';
import { operatorEntry } from './operator.ts';

export interface CredentialOptions {
  /** The operator's, by registry. */
  readonly settings?: CredentialSettings;
  /** A `config.json` of Docker's or an `auth.json` of podman's; the one in the folder `DOCKER_CONFIG` of the environment when absent. */
  readonly dockerConfig?: string;
  /** Where credential helpers are looked for. */
  readonly searchPath: string;
  /** What helpers may know of the environment, and where AWS's variables are read. */
  readonly environment: Readonly<Record<string, string>>;
}

/**
 * Where a tenant's secrets come from. The first that has one counts: what the request brings along for ECR, the operator's configuration,
 * Docker's or podman's file with its helpers, an AWS access key of the environment. Nothing outlives the object but in the registry's hands.
 */
export function openCredentials({
  settings = {},
  dockerConfig,
  searchPath,
  environment,
}: CredentialOptions): CredentialSource {
  const passwords = new EcrPasswords();
  const docker = dockerConfig ?? presentFile(environment.DOCKER_CONFIG);
  const fromEcr = (query: CredentialQuery, found: FoundKey & { readonly isOfJob: boolean }, more: EcrSettings) =>
    passwords.find({ ...found, ...ecrPlace(query, more, found.isOfJob), key: checkedKey(found) }, query.signal);

  return {
    find: async (query): Promise<RegistrySecret | undefined> => {
      const entry = operatorEntry(settings, query);
      const ecr = entry !== undefined && 'ecr' in entry ? entry.ecr : undefined;
      if (query.given !== undefined) {
        const { key, region } = query.given;
        const wanted = {
          ...(ecr?.endpoint !== undefined && { endpoint: ecr.endpoint }),
          ...(region !== undefined && { region }),
        };
        return fromEcr(query, { key, origin: "the image's repository", isOfJob: true }, wanted);
      }
      if (entry !== undefined && 'secret' in entry) return entry.secret();
      if (entry !== undefined && ecr !== undefined) {
        const found = (await configuredKey(entry.server, ecr)) ?? (await environmentKey(environment));
        if (found === undefined) throw withoutKey(entry.server);
        return fromEcr(query, { ...found, isOfJob: false }, ecr);
      }
      const secret = docker && (await dockerSecret(docker, query, { searchPath, environment }));
      if (secret) return secret;
      const found = parseEcrRegistry(query.host) && (await environmentKey(environment));
      return found && fromEcr(query, { ...found, isOfJob: false }, {});
    },
  };
}

/** Where the password is asked for. The key itself is only ever sent to AWS, or where the operator says; the password goes to the registry. */
function ecrPlace({ host }: CredentialQuery, { region, endpoint }: EcrSettings, isOfJob: boolean) {
  const named = parseEcrRegistry(host);
  const wrong = (problem: string, reason: string): Error => {
    const message = `the registry ${host} ${problem}`;
    const hint =
      'Name the region of the registry: repository.region of the definition, or "region" in images.credentials.';
    return isOfJob ? new UserError(message, { reason, hint }) : new InfrastructureError(message, { reason, hint });
  };
  // It becomes a part of a host's name.
  if (region !== undefined && !/^[a-z]{2,}(?:-[a-z0-9]+)+$/.test(region))
    throw wrong(`cannot be in ${JSON.stringify(region.slice(0, 40))}, which is no AWS region`, 'aws_wrong_region');
  if (named !== undefined && region !== undefined && region !== named.region)
    throw wrong(`is in ${named.region}, not in ${region}`, 'aws_wrong_region');
  const where = region ?? named?.region;
  if (where === undefined) throw wrong('does not tell its AWS region', 'aws_wrong_region');
  return {
    region: where,
    endpoint: endpoint === undefined ? (named?.endpoint ?? ecrEndpoint(where)) : new URL(endpoint),
  };
}

/** Both are sent as they are; what was copied with more than the key is told before AWS tells nothing of use. */
function checkedKey({ key, origin, isOfJob }: FoundKey & { readonly isOfJob: boolean }): AwsKey {
  if (/^\w{1,128}$/.test(key.accessKeyId) && /^[\x21-\x7e]*$/.test(key.sessionToken ?? '')) return key;
  const message = `the AWS access key of ${origin} has characters that no key has`;
  const options = { reason: 'aws_unknown_key', hint: 'Write the id of the key, and nothing else.' };
  throw isOfJob ? new UserError(message, options) : new InfrastructureError(message, options);
}

/** Whoever says where Docker keeps its configuration need not have one there. */
function presentFile(folder: string | undefined): string | undefined {
  const path = folder && join(folder, 'config.json');
  return path && existsSync(path) ? path : undefined;
}

function withoutKey(server: string): InfrastructureError {
  return new InfrastructureError(`there is no AWS access key for ${server}`, {
    reason: 'credentials',
    hint: 'Name "accessKeyId" and "secretFile" in images.credentials, or set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY.',
  });
}
