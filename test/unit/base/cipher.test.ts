import { randomBytes } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createCipher, isEncrypted, type SecretScope } from '../../../src/base/cipher.ts';
import { UserError } from '../../../src/base/errors.ts';
import { at, parseJson, stringifyJson } from '../../../src/base/json.ts';
import { collectSecrets, hideSecrets } from '../../../src/base/secrets.ts';

const ids = { component: 'acme.ex-db', project: '12', config: '34' };
const scopes: readonly SecretScope[] = [
  { kind: 'ComponentSecure', component: ids.component },
  { kind: 'ProjectSecure', component: ids.component, project: ids.project },
  { kind: 'ConfigSecure', ...ids },
];
const project = scopes[1] as SecretScope;

describe('cipher', () => {
  const cipher = createCipher(randomBytes(32));

  it.each(scopes)('opens what it sealed for $kind', (scope) => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (plain) => {
        const text = cipher.encrypt(plain, scope);
        expect(text).toMatch(new RegExp(`^KBC::${scope.kind}::[A-Za-z0-9_-]+$`));
        expect(isEncrypted(text)).toBe(true);
        expect(cipher.decrypt(text, ids)).toBe(plain);
      }),
    );
  });

  it.each([
    ['ComponentSecure', { component: 'other' }],
    ['ProjectSecure', { component: 'other' }],
    ['ProjectSecure', { project: '13' }],
    ['ConfigSecure', { component: 'other' }],
    ['ConfigSecure', { project: '13' }],
    ['ConfigSecure', { config: '35' }],
  ])('does not open %s with %o', (kind, other) => {
    const scope = scopes.find((one) => one.kind === kind) as SecretScope;
    const [name, value] = Object.entries(other)[0] as [string, string];
    expect(() => cipher.decrypt(cipher.encrypt('s3cret', scope), { ...ids, ...other })).toThrow(
      name === 'config' ? `configuration "${value}"` : `${name} "${value}"`,
    );
  });

  it('tells ids apart that would read the same when joined', () => {
    const text = cipher.encrypt('s3cret', { kind: 'ProjectSecure', component: 'a', project: 'bc' });
    expect(() => cipher.decrypt(text, { component: 'ab', project: 'c' })).toThrow(UserError);
  });

  it('opens a value of a configuration only where there is one', () => {
    const text = cipher.encrypt('s3cret', scopes[2] as SecretScope);
    expect(() => cipher.decrypt(text, { component: ids.component, project: ids.project })).toThrow(
      'there is none here',
    );
  });

  it('notices every flipped bit, every cut, and another scope name', () => {
    const text = cipher.encrypt('s3cret', project);
    const [prefix, payload] = [text.slice(0, 20), Buffer.from(text.slice(20), 'base64url')];
    for (let bit = 0; bit < payload.length * 8; bit += 1) {
      const changed = Buffer.from(payload);
      changed[bit >> 3] = (changed[bit >> 3] as number) ^ (1 << (bit & 7));
      expect(() => cipher.decrypt(prefix + changed.toString('base64url'), ids)).toThrow(UserError);
    }
    for (let length = 0; length < text.length; length += 1)
      expect(() => cipher.decrypt(text.slice(0, length), ids)).toThrow(UserError);
    expect(() => cipher.decrypt(`${text}=`, ids)).toThrow('damaged');
    expect(() => cipher.decrypt(text.replace('ProjectSecure', 'ComponentSecure'), ids)).toThrow(UserError);
  });

  it('names the key it does not have, and still opens with a retired one', () => {
    const old = randomBytes(32);
    const text = createCipher(old).encrypt('s3cret', project);
    expect(() => cipher.decrypt(text, ids)).toThrow(/encrypted with key [0-9a-f]{16}, which is not here/);
    expect(createCipher(randomBytes(32), [old]).decrypt(text, ids)).toBe('s3cret');
  });

  it('refuses values of other platforms by name', () => {
    for (const kind of ['ProjectSecureKV', 'ComponentSecureGKMS', 'Secure', 'ProjectWideSecure', 'BranchTypeSecure']) {
      expect(isEncrypted(`KBC::${kind}::abc`)).toBe(true);
      expect(() => cipher.decrypt(`KBC::${kind}::abc`, ids)).toThrow(kind);
    }
    expect(isEncrypted('KBC::Encrypted==abc')).toBe(false);
  });

  it('never uses a nonce twice', () => {
    const nonces = new Set<string>();
    for (let i = 0; i < 20_000; i += 1) {
      nonces.add(Buffer.from(cipher.encrypt('', project).slice(20), 'base64url').subarray(9, 21).toString('hex'));
    }
    expect(nonces.size).toBe(20_000);
  });
});

describe('trees of secrets', () => {
  const cipher = createCipher(randomBytes(32));
  const text = `{"#a":"one","b":{"#c":12345678901234567890.10,"d":"plain","10":1,"2":{}},"#e":{"f":"plain","#g":"two"},
    "list":[{"#h":"three"},"x"],"#arr":["p",{"#q":"four"}],"#empty":"","#null":null,"#var":"{{ token }}","#bool":true,"#part":"a {{ token }}"}`;

  it('encrypts the scalars under # keys and nothing else', () => {
    const sealed = cipher.encryptTree(parseJson(text), project);
    for (const path of [
      ['#a'],
      ['b', '#c'],
      ['#e', '#g'],
      ['list', 0, '#h'],
      ['#arr', 1, '#q'],
      ['#bool'],
      ['#part'],
    ]) {
      expect(at(sealed, ...path)).toMatch(/^KBC::ProjectSecure::/);
    }
    expect(at(sealed, '#e', 'f')).toBe('plain');
    expect(at(sealed, '#arr', 0)).toBe('p');
    expect(at(sealed, '#empty')).toBe('');
    expect(at(sealed, '#var')).toBe('{{ token }}');
    expect([...(sealed as Map<string, unknown>).keys()]).toEqual([...(parseJson(text) as Map<string, unknown>).keys()]);
  });

  it('comes back as it was, with scalars as text', () => {
    const back = cipher.decryptTree(cipher.encryptTree(parseJson(text), project), ids);
    const expected = parseJson(
      text
        .replace('12345678901234567890.10', '"12345678901234567890.10"')
        .replace(':null', ':""')
        .replace(':true', ':"true"'),
    );
    expect(stringifyJson(back)).toBe(stringifyJson(expected));
  });

  it('leaves what is encrypted already', () => {
    const sealed = cipher.encryptTree(parseJson(text), project);
    expect(stringifyJson(cipher.encryptTree(sealed, project))).toBe(stringifyJson(sealed));
  });

  it('names every value that does not open, with its path', () => {
    const broken = parseJson('{"#a":"plain","b":[{"#c":7}],"#d":"KBC::ProjectSecure::abc","ok":1}');
    let thrown: unknown;
    try {
      cipher.decryptTree(broken, ids, 'parameters');
    } catch (error) {
      thrown = error;
    }
    expect(thrown).toBeInstanceOf(UserError);
    expect((thrown as UserError).problems.map(({ path }) => path)).toEqual([
      'parameters.#a',
      'parameters.b.0.#c',
      'parameters.#d',
    ]);
    expect((thrown as UserError).message).not.toContain('"plain"');
  });

  it('collects what must be hidden and hides it for printing', () => {
    const json = parseJson(text);
    expect(collectSecrets(json)).toEqual([
      'one',
      '12345678901234567890.10',
      'two',
      'three',
      'four',
      '{{ token }}',
      'a {{ token }}',
    ]);
    expect(at(hideSecrets(json), 'list', 0, '#h')).toBe('[hidden]');
    expect(at(hideSecrets(json), '#empty')).toBe('');
    expect(at(hideSecrets(json), 'b', 'd')).toBe('plain');
  });

  it('keeps a key named __proto__ an ordinary key', () => {
    expect(stringifyJson(hideSecrets(parseJson('{"__proto__":{"#a":"x"}}')))).toBe('{"__proto__":{"#a":"[hidden]"}}');
  });
});

it('makes marks that are the same for the same text and key, and for nothing else', () => {
  const key = randomBytes(32);
  const mark = createCipher(key).mark('s3cret');
  expect(createCipher(key).mark('s3cret')).toBe(mark);
  expect([createCipher(key).mark('s3cret '), createCipher(randomBytes(32)).mark('s3cret')]).not.toContain(mark);
});
