import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { InfrastructureError } from '../../base/errors.ts';
import type { Emit } from '../../base/events.ts';
import type { SignatureRule, SignatureRules } from '../../base/image-trust.ts';
import type { Image } from '../../gen/containerd.ts';
import type { Reference } from '../reference.ts';
import { repositoryOf } from './repository.ts';

/** What is asked of one digest under one name. */
export interface SignaturePolicy {
  readonly mode: 'warn' | 'require';
  /** Of the image: what a signature must be about. */
  readonly digest: string;
  readonly keys: readonly KeyFile[];
  /** What a signature must name, as {@link repositoryOf} writes it; anything when absent. */
  readonly repository: string | undefined;
  /** Changes with everything on which it depends whether the image counts as signed. */
  readonly mark: string;
}

export interface KeyFile {
  readonly path: string;
  readonly pem: Buffer;
}

/** On an image record: the mark of the policy under which it was looked at, with ` unsigned@SECONDS` behind it when no signature counted. */
export const signatureLabel = 'componentd.signature';

const mostKeyBytes = 64 * 1024;
/** So long a registry is believed to have no signature, where that is no reason to refuse the image. */
const unsignedForMs = 3_600_000;

/** What the longest rule that an image falls under asks of it; `undefined` for nothing. @throws InfrastructureError when a key cannot be read */
export async function signaturePolicyOf(
  reference: Reference,
  digest: string,
  rules: SignatureRules,
): Promise<SignaturePolicy | undefined> {
  const name = repositoryOf(reference);
  const rule = longestRule(name, rules);
  if (rule === undefined || rule.policy === 'off' || rule.digests?.includes(digest)) return undefined;
  const keys = await Promise.all((rule.keys ?? []).map(readKey));
  const repository = rule.sameRepository === true ? name : undefined;
  const known = keys.map(({ pem }) => sha256(pem)).sort();
  const mark = sha256(['1', digest, repository ?? '', ...known].join(' '));
  return { mode: rule.policy, digest, keys, repository, mark };
}

/** What a record remembers; nothing that was found out about another digest, with other keys or under another rule. */
export function rememberedSignature({ labels }: Image, { mark }: SignaturePolicy): 'signed' | 'unsigned' | undefined {
  const [remembered, since] = (labels[signatureLabel] ?? '').split(' unsigned@');
  if (remembered !== mark) return undefined;
  if (since === undefined) return 'signed';
  const age = Date.now() - Number(since) * 1000;
  return age >= 0 && age < unsignedForMs ? 'unsigned' : undefined;
}

/** How a record remembers it. */
export function signatureLabels({ mark }: SignaturePolicy, isSigned: boolean): Readonly<Record<string, string>> {
  return { [signatureLabel]: isSigned ? mark : `${mark} unsigned@${Math.floor(Date.now() / 1000)}` };
}

/** What is said of an image that is used all the same. */
export function warnUnsigned(emit: Emit, name: string, policy: SignaturePolicy, why = 'no signature counts'): void {
  const message = `${name} is not signed as it should be (${why}); ${policy.digest} is used all the same`;
  emit({ type: 'message', level: 'warning', message });
}

function longestRule(name: string, rules: SignatureRules): SignatureRule | undefined {
  const parts = name.split('/');
  for (let length = parts.length; length > 0; length -= 1) {
    const prefix = parts.slice(0, length).join('/');
    if (Object.hasOwn(rules, prefix)) return rules[prefix];
  }
  return Object.hasOwn(rules, '*') ? rules['*'] : undefined;
}

async function readKey(path: string): Promise<KeyFile> {
  try {
    const pem = await readFile(path);
    if (pem.length > mostKeyBytes) throw new Error(`it is larger than ${mostKeyBytes} bytes`);
    return { path, pem };
  } catch (error) {
    throw new InfrastructureError(
      `the key ${path} for signatures of images cannot be read: ${(error as Error).message}`,
      {
        cause: error,
        reason: 'signature_key',
        hint: 'Put a public key of cosign there, or change images.signatures in the configuration.',
      },
    );
  }
}

function sha256(data: string | Buffer): string {
  return createHash('sha256').update(data).digest('hex');
}
