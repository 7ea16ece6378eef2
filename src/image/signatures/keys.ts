import { createPublicKey, type KeyObject, verify } from 'node:crypto';
import { InfrastructureError } from '../../base/errors.ts';
import type { KeyFile } from './policy.ts';

/** Whether `signature` is one of `data`. */
export type Verify = (data: Buffer, signature: Buffer) => boolean;

const leastRsaBits = 2048;
/** Of the curve, and SHA-256, which cosign takes for every curve in the signatures of its versions before 3. */
const curveHashes: Readonly<Record<string, readonly string[]>> = {
  prime256v1: ['sha256'],
  secp384r1: ['sha384', 'sha256'],
  secp521r1: ['sha512', 'sha256'],
};

/**
 * The keys as cosign makes and takes them: ECDSA on P-256, P-384 and P-521, RSA (PKCS #1 v1.5). Not Ed25519, with which cosign signs a hash
 * (Ed25519ph), and Node verifies none such.
 * @throws InfrastructureError for any other
 */
export function readVerifiers(keys: readonly KeyFile[]): readonly Verify[] {
  return keys.map(verifierOf);
}

function verifierOf({ path, pem }: KeyFile): Verify {
  const unusable = (why: string, cause?: unknown): InfrastructureError =>
    new InfrastructureError(`${path} is no key that signatures can be checked with: ${why}`, {
      cause,
      reason: 'signature_key',
      hint: 'Name a public key of cosign: ECDSA (as cosign makes them) or RSA.',
    });
  const text = pem.toString('latin1');
  if (!/^\s*-----BEGIN (?:RSA )?PUBLIC KEY-----/.test(text)) throw unusable('it is no public key in PEM');
  let key: KeyObject;
  try {
    key = createPublicKey(text);
  } catch (error) {
    throw unusable((error as Error).message, error);
  }
  const { namedCurve = '', modulusLength = 0 } = key.asymmetricKeyDetails ?? {};
  const hashes = hashesOf(key.asymmetricKeyType, namedCurve);
  if (hashes === undefined) throw unusable(`its kind is ${[key.asymmetricKeyType, namedCurve].join(' ').trim()}`);
  if (key.asymmetricKeyType === 'rsa' && modulusLength < leastRsaBits) throw unusable(`it has ${modulusLength} bits`);
  return (data, signature) => hashes.some((hash) => verify(hash, data, key, signature));
}

function hashesOf(kind: string | undefined, curve: string): readonly string[] | undefined {
  if (kind === 'ec') return Object.hasOwn(curveHashes, curve) ? curveHashes[curve] : undefined;
  return kind === 'rsa' ? ['sha256'] : undefined;
}
