import { createCipheriv, createDecipheriv, createHash, createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import { type Problem, throwProblems, UserError } from './errors.ts';
import type { Json } from './json.ts';
import { keyBytes } from './keyfile.ts';
import { mapSecrets, secretText } from './secrets.ts';

/** Who may decrypt: the scope's ids are authenticated with the text, so a ciphertext copied to another place does not open. */
export type SecretScope =
  | { readonly kind: 'ComponentSecure'; readonly component: string }
  | { readonly kind: 'ProjectSecure'; readonly component: string; readonly project: string }
  | { readonly kind: 'ConfigSecure'; readonly component: string; readonly project: string; readonly config: string };

/** Where a ciphertext is being used. */
export interface SecretIds {
  readonly component: string;
  readonly project: string;
  readonly config?: string;
}

/**
 * AES-256-GCM under `KBC::<scope>::<payload>`. The payload is base64url of: version (1 byte), key id (8), nonce (12, random),
 * tag (16), ciphertext; scope, ids, version and key id are the additional authenticated data.
 */
export interface Cipher {
  encrypt(plain: string, scope: SecretScope): string;
  /** @throws UserError when the value is not encrypted, damaged, from another scope, or encrypted with a key that is not here. */
  decrypt(text: string, ids: SecretIds): string;
  /** Encrypts every scalar under a `#` key (numbers as their text, null as empty). Empty values, ciphertexts and values that are one `{{ variable }}` stay. */
  encryptTree(json: Json, scope: SecretScope): Json;
  /** Reverses `encryptTree`. @throws UserError with one problem per value that does not open, each with its dotted path below `path`. */
  decryptTree(json: Json, ids: SecretIds, path?: string): Json;
  /** The same for the same text, as long as the key is the same; tells nothing of the text to who has not the key. */
  mark(text: string): string;
}

/** `retired` keys still decrypt and never encrypt. */
export function createCipher(key: Buffer, retired: readonly Buffer[] = []): Cipher {
  const keys = [key, ...retired].map((secret) => ({ id: keyId(secret), secret }));
  const current = keys[0] as (typeof keys)[number];

  const encrypt = (plain: string, scope: SecretScope): string => {
    const head = Buffer.concat([Buffer.of(version), current.id]);
    const nonce = randomBytes(nonceBytes);
    const gcm = createCipheriv('aes-256-gcm', current.secret, nonce, { authTagLength: tagBytes });
    gcm.setAAD(authenticated(head, scope));
    const body = Buffer.concat([gcm.update(plain, 'utf8'), gcm.final()]);
    return `KBC::${scope.kind}::${Buffer.concat([head, nonce, gcm.getAuthTag(), body]).toString('base64url')}`;
  };

  const decrypt = (text: string, ids: SecretIds): string => {
    const opened = open(text, ids);
    if (typeof opened === 'string') return opened;
    throw new UserError(opened.message, {
      problems: [opened],
      ...(opened.hint !== undefined && { hint: opened.hint }),
    });
  };

  const open = (text: string, ids: SecretIds): string | Problem => {
    const prefix = prefixPattern.exec(text);
    if (prefix === null)
      return { message: 'the value is not encrypted', hint: 'Encrypt it with `componentd encrypt`.' };
    const kind = prefix[1] as string;
    const scope = scopeOf(kind, ids);
    if (scope === undefined) {
      const message =
        kind === 'ConfigSecure'
          ? 'the value belongs to a configuration, and there is none here'
          : `${kind} is a scope of another platform`;
      return { message, hint: 'Encrypt the plain value again with `componentd encrypt`.' };
    }
    const encoded = text.slice(prefix[0].length);
    const payload = Buffer.from(encoded, 'base64url');
    if (
      payload.length < headBytes + nonceBytes + tagBytes ||
      payload[0] !== version ||
      payload.toString('base64url') !== encoded
    ) {
      return {
        message: 'the encrypted value is damaged',
        hint: 'It was cut, changed, or encrypted elsewhere; encrypt the plain value again.',
      };
    }
    const head = payload.subarray(0, headBytes);
    const found = keys.find(({ id }) => timingSafeEqual(id, head.subarray(1)));
    if (found === undefined) {
      const message = `the value was encrypted with key ${head.subarray(1).toString('hex')}, which is not here`;
      return {
        message,
        hint: `The key in use is ${current.id.toString('hex')}; encrypt the plain value again, or bring the other key.`,
      };
    }
    try {
      const nonceEnd = headBytes + nonceBytes;
      const gcm = createDecipheriv('aes-256-gcm', found.secret, payload.subarray(headBytes, nonceEnd), {
        authTagLength: tagBytes,
      });
      gcm.setAAD(authenticated(head, scope));
      gcm.setAuthTag(payload.subarray(nonceEnd, nonceEnd + tagBytes));
      return Buffer.concat([gcm.update(payload.subarray(nonceEnd + tagBytes)), gcm.final()]).toString('utf8');
    } catch {
      return {
        message: `the encrypted value does not open for ${describe(scope)}`,
        hint: 'It was encrypted for another one, or changed; encrypt the plain value again for this one.',
      };
    }
  };

  return Object.freeze({
    encrypt,
    decrypt,
    encryptTree: (json, scope) =>
      mapSecrets(json, (value) => {
        const text = secretText(value);
        return text === '' || isEncrypted(text) || isVariable(text) ? text : encrypt(text, scope);
      }),
    decryptTree: (json, ids, path = '') => {
      const problems: Problem[] = [];
      const tree = mapSecrets(
        json,
        (value, where) => {
          const text = secretText(value);
          if (text === '' || isVariable(text)) return text;
          const opened = open(text, ids);
          if (typeof opened === 'string') return opened;
          problems.push({ ...opened, path: where });
          return value;
        },
        path,
      );
      throwProblems('secrets cannot be decrypted', problems);
      return tree;
    },
    mark: (text) => createHmac('sha256', current.secret).update('componentd mark\n').update(text).digest('hex'),
  } satisfies Cipher);
}

/** True for text that carries a prefix of the grammar, ours or another platform's; says nothing about whether it opens. */
export function isEncrypted(text: string): boolean {
  return prefixPattern.test(text);
}

const version = 1;
const idBytes = 8;
const headBytes = 1 + idBytes;
const nonceBytes = 12;
const tagBytes = 16;
const prefixPattern =
  /^KBC::((?:Component|Project|Config|ProjectWide|BranchType|BranchTypeConfig|ProjectWideBranchType)?Secure(?:KV|GKMS)?)::/;

function isVariable(text: string): boolean {
  return /^\{\{\s*[^{}\s][^{}]*\}\}$/.test(text);
}

function keyId(key: Buffer): Buffer {
  if (key.length !== keyBytes) throw new TypeError(`a key has ${keyBytes} bytes, not ${key.length}`);
  return createHash('sha256').update('componentd key id\n').update(key).digest().subarray(0, idBytes);
}

function authenticated(head: Buffer, scope: SecretScope): Buffer {
  return Buffer.concat([head, Buffer.from(JSON.stringify([scope.kind, ...idsOf(scope)]))]);
}

function idsOf(scope: SecretScope): string[] {
  switch (scope.kind) {
    case 'ComponentSecure':
      return [scope.component];
    case 'ProjectSecure':
      return [scope.component, scope.project];
    case 'ConfigSecure':
      return [scope.component, scope.project, scope.config];
  }
}

function scopeOf(kind: string, { component, project, config }: SecretIds): SecretScope | undefined {
  switch (kind) {
    case 'ComponentSecure':
      return { kind, component };
    case 'ProjectSecure':
      return { kind, component, project };
    case 'ConfigSecure':
      return config === undefined ? undefined : { kind, component, project, config };
    default:
      return undefined;
  }
}

function describe(scope: SecretScope): string {
  const names = ['component', 'project', 'configuration'];
  return idsOf(scope)
    .map((id, index) => `${names[index]} "${id}"`)
    .join(', ');
}
