import { InfrastructureError, UserError } from '../../base/errors.ts';
import type { AwsKey } from '../types.ts';

export interface EcrQuestion {
  readonly region: string;
  readonly endpoint: URL;
  readonly key: AwsKey;
  /** Whose key it is, for messages. */
  readonly origin: string;
  /** True when the author of the job must mend a wrong key, and not the operator. */
  readonly isOfJob: boolean;
}

/** What ECR's API says of a key, by the type of its exception; its words may repeat what was sent, and are not shown. */
export function ecrRefusal(
  { region, origin, isOfJob, key }: EcrQuestion,
  { type, words }: { readonly type: string; readonly words: string },
): UserError | InfrastructureError {
  const { problem, reason, hint } = explanationOf(type, words, {
    region,
    id: `${key.accessKeyId.slice(0, 4)}…${key.accessKeyId.slice(-4)}`,
  });
  const message = `AWS gives out no password for ECR: ${problem} (${origin}, ${type})`;
  return isOfJob ? new UserError(message, { reason, hint }) : new InfrastructureError(message, { reason, hint });
}

interface Explanation {
  readonly problem: string;
  readonly reason: string;
  readonly hint: string;
}

function explanationOf(type: string, words: string, { id, region }: { id: string; region: string }): Explanation {
  switch (type) {
    case 'UnrecognizedClientException':
    case 'InvalidClientTokenId':
      return {
        problem: `it does not know the access key ${id} in ${region}`,
        reason: 'aws_unknown_key',
        hint: 'Check the access key and, for a temporary one, its session token; a region may also have to be enabled for the account.',
      };
    case 'ExpiredTokenException':
    case 'ExpiredToken':
      return {
        problem: `the session of the access key ${id} has expired`,
        reason: 'aws_expired_key',
        hint: 'Get a new session token, or use a key that does not expire.',
      };
    case 'AccessDeniedException':
    case 'AccessDenied':
      return {
        problem: `the access key ${id} lacks the right`,
        reason: 'aws_denied',
        hint: 'Allow it ecr:GetAuthorizationToken, and for the repository ecr:BatchGetImage and ecr:GetDownloadUrlForLayer.',
      };
    case 'InvalidSignatureException':
    case 'SignatureDoesNotMatch':
      // One type for three mistakes, which only the words tell apart.
      if (/scoped to a valid region/i.test(words)) {
        return {
          problem: `${region} is not the region of this endpoint`,
          reason: 'aws_wrong_region',
          hint: 'Name the region of the registry: repository.region of the definition, or "region" in images.credentials.',
        };
      }
      if (/signature (?:expired|not yet current)/i.test(words))
        return { problem: 'the clock of this machine is wrong', reason: 'aws_clock', hint: 'Set the clock.' };
      return {
        problem: `the secret does not belong to the access key ${id}`,
        reason: 'aws_wrong_secret',
        hint: 'Check the secret of the access key.',
      };
    default:
      return {
        problem: 'it refuses the request',
        reason: 'aws_refused',
        hint: 'Try `aws ecr get-authorization-token` with the same key.',
      };
  }
}
