import { expect, test } from 'vitest';
import { isFetchable, isReference, problemOfRepository } from '../../../src/base/git-url.ts';

test.each([
  ['https://git.example.org/app.git', false, undefined],
  ['git@git.example.org:app.git', false, undefined],
  ['../app', false, undefined],
  ['https://git.example.org/app.git', true, undefined],
  ['git@git.example.org:app.git', true, 'scheme'],
  ['/srv/app.git', true, 'scheme'],
  ['https:///app', true, 'scheme'],
  ['--upload-pack=touch /tmp/x', false, 'not the URL'],
  ['https://git.example.org/a b', false, 'not the URL'],
  ['https://git.example.org/a\nb', true, 'not the URL'],
  ['', false, 'not the URL'],
  ['https://joe:secret@git.example.org/app.git', false, 'password'],
])('the repository %j (with a user name: %j)', (uri, withUsername, problem) => {
  const found = problemOfRepository(uri, { withUsername });
  if (problem === undefined) expect(found).toBeUndefined();
  else expect(found).toContain(problem);
});

test('our own git asks by http, https and git only', () => {
  const uris = ['http://h/r', 'https://h/r', 'git://h/r', 'ssh://h/r', 'file:///r', 'ext::sh -c x', 'git@h:r', '/r'];
  expect(uris.filter(isFetchable)).toEqual(uris.slice(0, 3));
});

test('names of branches, tags and commits', () => {
  const good = ['main', 'feature/x', 'v1.0', '1.0-rc+1', 'a'.repeat(40), 'user@host', '_x'];
  const bad = [
    '',
    '-x',
    '--upload-pack=x',
    'a..b',
    'a@{1}',
    'a//b',
    '/a',
    'a/',
    'a.',
    'a/.b',
    'x.lock',
    'a b',
    'a*',
    'a:b',
    'a\nb',
  ];
  expect(good.filter((name) => !isReference(name))).toEqual([]);
  expect(bad.filter(isReference)).toEqual([]);
});
