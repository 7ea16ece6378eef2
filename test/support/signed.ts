import { type KeyObject, sign } from 'node:crypto';
import { digestOf } from './content.ts';

/** What a registry answers, by what follows `/v2/REPOSITORY/`. */
export type Answers = Map<string, { readonly type: string; readonly body: Buffer }>;

export const manifestType = 'application/vnd.oci.image.manifest.v1+json';
const indexType = 'application/vnd.oci.image.index.v1+json';
const simpleType = 'application/vnd.dev.cosign.simplesigning.v1+json';
const bundleType = 'application/vnd.dev.sigstore.bundle.v0.3+json';
const payloadType = 'application/vnd.in-toto+json';

export interface LayerOf {
  readonly bytes: Buffer;
  readonly mediaType: string;
  readonly annotations?: Readonly<Record<string, string>>;
  /** Of the descriptor, instead of the true ones. */
  readonly told?: { readonly digest?: string; readonly size?: number };
}

/** A payload as cosign writes it before version 3, and its signature. */
export function simpleLayer(
  key: KeyObject,
  about: { digest: string; repository?: string; type?: string; hash?: string },
): LayerOf {
  const { digest, repository = 'example.com/any', type = 'cosign container image signature', hash = 'sha256' } = about;
  const identity = { 'docker-reference': repository };
  const critical = { identity, image: { 'docker-manifest-digest': digest }, type };
  const bytes = Buffer.from(JSON.stringify({ critical, optional: null }));
  const signature = sign(hash, bytes, key).toString('base64');
  return { bytes, mediaType: simpleType, annotations: { 'dev.cosignproject.cosign/signature': signature } };
}

/** A bundle as cosign 3 writes it. */
export function bundleLayer(key: KeyObject, about: { digest: string; predicateType?: string; hash?: string }): LayerOf {
  const { digest, predicateType = 'https://sigstore.dev/cosign/sign/v1', hash = 'sha256' } = about;
  const subject = [{ digest: { sha256: digest.replace('sha256:', '') }, annotations: {} }];
  const statement = { _type: 'https://in-toto.io/Statement/v1', subject, predicateType, predicate: {} };
  const payload = Buffer.from(JSON.stringify(statement));
  const signed = Buffer.from(`DSSEv1 ${payloadType.length} ${payloadType} ${payload.length} ${payload}`);
  const bundle = {
    mediaType: bundleType,
    verificationMaterial: { publicKey: { hint: 'x' } },
    dsseEnvelope: {
      payload: payload.toString('base64'),
      payloadType,
      signatures: [{ sig: sign(hash, signed, key).toString('base64') }],
    },
  };
  return { bytes: Buffer.from(JSON.stringify(bundle)), mediaType: bundleType };
}

/** The manifest that holds signatures, and their blobs; `place` is a tag or nothing for its digest. Answers the digest. */
export function putManifest(answers: Answers, layers: readonly LayerOf[], place?: string): string {
  const body = Buffer.from(
    JSON.stringify({
      schemaVersion: 2,
      mediaType: manifestType,
      config: { mediaType: 'application/vnd.oci.empty.v1+json', digest: digestOf(Buffer.from('{}')), size: 2 },
      layers: layers.map(({ bytes, mediaType, annotations, told }) => ({
        mediaType,
        digest: digestOf(bytes),
        size: bytes.length,
        ...(annotations && { annotations }),
        ...told,
      })),
    }),
  );
  for (const { bytes, told } of layers)
    answers.set(`blobs/${told?.digest ?? digestOf(bytes)}`, { type: 'application/octet-stream', body: bytes });
  answers.set(`manifests/${place ?? digestOf(body)}`, { type: manifestType, body });
  return digestOf(body);
}

/** Where cosign before version 3 looks. */
export function putSimple(answers: Answers, digest: string, layers: readonly LayerOf[]): void {
  putManifest(answers, layers, `${digest.replace(':', '-')}.sig`);
}

/** Where cosign 3 looks: each layer in a manifest of its own that refers to the image. `place` is the API's path or the tag in its stead. */
export function putReferrers(
  answers: Answers,
  digest: string,
  layers: readonly LayerOf[],
  place = `manifests/${digest.replace(':', '-')}`,
): void {
  const manifests = layers.map((layer) => {
    const referrer = putManifest(answers, [layer]);
    const size = answers.get(`manifests/${referrer}`)?.body.length;
    return { mediaType: manifestType, digest: referrer, size, artifactType: 'application/vnd.oci.empty.v1+json' };
  });
  const body = Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType: indexType, manifests }));
  answers.set(place, { type: indexType, body });
}
