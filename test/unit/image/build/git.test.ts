import { describe, expect, test } from 'vitest';
import { commitOf, credentialStore } from '../../../../src/image/build/git.ts';

const [a = '', b = '', c = ''] = ['a', 'b', 'c'].map((digit) => digit.repeat(40));
const repository = { uri: 'https://git.example.org/app.git' };

describe('the commit that a reference means', () => {
  test.each([
    [undefined, `${a}\tHEAD\n`, a],
    ['main', `${a}\trefs/heads/main\n${b}\trefs/tags/main\n`, a],
    ['v1', `${a}\trefs/tags/v1\n${b}\trefs/tags/v1^{}\n`, b],
    ['v1', `${a}\trefs/tags/v1\n`, a],
    ['x', `${a}\trefs/heads/refs/heads/x\n${b}\trefs/heads/x\n`, b],
    [c, '', c],
  ])('%s', (ref, refs, commit) => {
    expect(commitOf(refs, repository, ref)).toBe(commit);
  });

  test.each([
    [undefined, ''],
    ['main', `${a}\trefs/heads/other\n`],
    ['main', `not-a-commit\trefs/heads/main\n`],
    [c.slice(0, 12), ''],
  ])('%s is refused when there is none', (ref, refs) => {
    expect(() => commitOf(refs, repository, ref)).toThrow(/has no/);
  });
});

test('the store of credentials holds one line, whatever they are', () => {
  const stored = credentialStore({
    uri: 'https://git.example.org:8443/app.git',
    username: 'joe@x',
    password: 'a/b:c\nd e',
  });
  expect(stored).toBe('https://joe%40x:a%2Fb%3Ac%0Ad%20e@git.example.org:8443\n');
  expect(credentialStore(repository)).toBe('');
});
