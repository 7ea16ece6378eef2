import { expect, test } from 'vitest';
import { requirePrograms } from '../../../../src/image/build/builder.ts';
import { refuseForeign } from '../../../../src/image/build/foreign.ts';

const rules = { registries: ['docker.io'], own: 'registry.example.org/acme/app:1' };

test('a Dockerfile may name images of registries that somebody allowed', () => {
  refuseForeign(
    ['python:3.12', 'docker.io/acme/x', 'registry.example.org/other@sha256:'.concat('0'.repeat(64))],
    rules,
  );
  refuseForeign([], rules);
});

test.each([
  'localhost/x',
  '127.0.0.1:5000/x',
  '169.254.169.254/x',
  'componentd.invalid/built/x:1',
  'registry.example.org:444/x',
])('and not %s', (reference) => {
  expect(() => refuseForeign([reference], rules)).toThrow(/are not allowed/);
});

test('and not very many of them', () => {
  const many = Array.from({ length: 31 }, (_, index) => `a:${index}`);
  expect(() => refuseForeign(many, rules)).toThrow('31 images');
});

test('what is missing for building is named with its package', async () => {
  const needs = [
    { program: 'sh', package: 'dash' },
    { program: 'no-such-builder', package: 'a-builder' },
    { program: 'no-such-git', package: 'a-git' },
  ];
  await expect(requirePrograms({ needs })).rejects.toMatchObject({
    class: 'infrastructure',
    reason: 'builder_missing',
    message: expect.stringContaining('no-such-builder, no-such-git'),
    hint: expect.stringContaining('apt-get install a-builder a-git'),
  });
});
