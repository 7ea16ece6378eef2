import { invalid, isObject, own, parseDocument } from '../document.ts';
import { decodeBase64 } from './base64.ts';
import type { Candidate, Claim } from './types.ts';

/** A layer of this type is a bundle (sigstore protobuf-specs, sigstore_bundle.proto), which cosign 3 makes. */
export const bundleType = 'application/vnd.dev.sigstore.bundle.v0.3+json';
const payloadType = 'application/vnd.in-toto+json';
const statementTypes: readonly unknown[] = ['https://in-toto.io/Statement/v1', 'https://in-toto.io/Statement/v0.1'];
/** Of a signature; an attestation of other things with the same key says nothing about whether the image may run. */
export const predicateType = 'https://sigstore.dev/cosign/sign/v1';
const mostSignatures = 10;
const mostSubjects = 100;

/** A bundle with a signed statement (in-toto in a DSSE envelope). Certificates and logs in it are not looked at. @throws UserError for any other */
export function bundled(bytes: Buffer, what: string): Candidate {
  const bundle = parseDocument(bytes, { what, maxBytes: bytes.length });
  const envelope = own(bundle, 'dsseEnvelope');
  if (own(bundle, 'mediaType') !== bundleType || !isObject(envelope)) throw invalid(what, 'it has no signed statement');
  const payload = decodeBase64(own(envelope, 'payload'));
  const signed = own(envelope, 'signatures');
  if (own(envelope, 'payloadType') !== payloadType || payload === undefined || !Array.isArray(signed))
    throw invalid(what, 'it has no statement about images');
  const signatures = signed
    .slice(0, mostSignatures)
    .map((entry) => (isObject(entry) ? decodeBase64(own(entry, 'sig')) : undefined))
    .filter((signature) => signature !== undefined);
  return { data: preAuthentication(payload), signatures, claim: () => claimOf(payload, what) };
}

/** What is signed of an envelope: its type and payload, each with its length (DSSE, protocol.md). */
function preAuthentication(payload: Buffer): Buffer {
  return Buffer.concat([Buffer.from(`DSSEv1 ${payloadType.length} ${payloadType} ${payload.length} `), payload]);
}

function claimOf(payload: Buffer, what: string): Claim {
  const statement = parseDocument(payload, { what, maxBytes: payload.length });
  if (!statementTypes.includes(own(statement, '_type')) || own(statement, 'predicateType') !== predicateType)
    throw invalid(what, 'its statement is not that an image is signed');
  const subjects = own(statement, 'subject');
  if (!Array.isArray(subjects)) throw invalid(what, 'its statement is about nothing');
  const digests = subjects.slice(0, mostSubjects).flatMap((subject) => {
    const digest = isObject(subject) ? own(subject, 'digest') : undefined;
    return isObject(digest) ? Object.entries(digest).map(([algorithm, hex]) => `${algorithm}:${hex}`) : [];
  });
  return { digests, repository: undefined };
}
