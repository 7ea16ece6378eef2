import { invalid, isObject, own, parseDocument } from '../document.ts';
import { decodeBase64 } from './base64.ts';
import { repositoryNamed } from './repository.ts';
import type { Candidate, Claim } from './types.ts';

/** A layer of this type is a payload, and its annotation the signature over its bytes (cosign, specs/SIGNATURE_SPEC.md). */
export const simpleSigningType = 'application/vnd.dev.cosign.simplesigning.v1+json';
const annotation = 'dev.cosignproject.cosign/signature';
const kind = 'cosign container image signature';

/** @throws UserError when there is no signature in the annotations */
export function simpleSigning(
  payload: Buffer,
  annotations: Readonly<Record<string, unknown>>,
  what: string,
): Candidate {
  const signature = decodeBase64(own(annotations, annotation));
  if (signature === undefined) throw invalid(what, 'its signature is missing or not base64');
  return { data: payload, signatures: [signature], claim: () => claimOf(payload, what) };
}

function claimOf(payload: Buffer, what: string): Claim {
  const critical = own(parseDocument(payload, { what, maxBytes: payload.length }), 'critical');
  if (!isObject(critical) || own(critical, 'type') !== kind) throw invalid(what, `it is no ${kind}`);
  const image = own(critical, 'image');
  const identity = own(critical, 'identity');
  const digest = isObject(image) ? own(image, 'docker-manifest-digest') : undefined;
  const reference = isObject(identity) ? own(identity, 'docker-reference') : undefined;
  return {
    digests: typeof digest === 'string' ? [digest] : [],
    repository: typeof reference === 'string' ? repositoryNamed(reference) : undefined,
  };
}
