import { describe, expect, test } from 'vitest';
import { formatProblem } from '../../../src/base/errors.ts';
import { problemsOfImages } from '../../../src/base/image-settings.ts';
import { registryName } from '../../../src/base/image-trust.ts';

const keys = ['/etc/componentd/cosign.pub'];
const signed = (prefix: string, rule: unknown = { policy: 'require', keys }) => ({ signatures: { [prefix]: rule } });

describe('settings of trust in images', () => {
  test.each([
    { policy: 'digest' },
    { access: { hours: 0.5, graceHours: 72 } },
    { access: {} },
    signed('*'),
    signed('quay.io'),
    signed('docker.io/library'),
    signed('127.0.0.1:5000/acme/deep-er/x__y'),
    signed('localhost'),
    signed('[::1]:5000/x'),
    signed('quay.io/acme', { policy: 'off' }),
    signed('quay.io/acme', { policy: 'warn', digests: [`sha256:${'a'.repeat(64)}`], sameRepository: true }),
  ])('are right: %j', (settings) => {
    expect(problemsOfImages(settings).map(formatProblem)).toEqual([]);
  });

  test.each([
    [{ policy: 'sometimes' }, 'images.policy: must be one of missing, always, never, digest'],
    [{ access: 5 }, 'images.access: must be an object'],
    [{ access: { hours: -1 } }, 'images.access.hours: must be a number of hours from 0'],
    [{ access: { hour: 1 } }, 'images.access.hour: is not known (did you mean hours?'],
    [{ signatures: [] }, 'images.signatures: must be an object'],
    [signed('acme/x'), 'images.signatures.acme/x: must name a registry or a repository'],
    [signed('quay.io/'), 'must name a registry'],
    [signed('quay.io/Acme'), 'must name a registry'],
    [signed('quay.io/acme:1'), 'must name a registry'],
    [signed('QUAY.io'), 'must name a registry'],
    [signed('quay.io:443'), 'must name a registry'],
    [signed('registry-1.docker.io'), 'must name a registry'],
    [signed('https://quay.io'), 'must name a registry'],
    [signed('quay.*'), 'must name a registry'],
    [signed(''), 'must name a registry'],
    [signed('*', {}), 'images.signatures.*: must have a policy'],
    [signed('*', { policy: 'require' }), 'must have keys or digests, because its policy is require'],
    [signed('*', { policy: 'require', keys: ['cosign.pub'] }), 'images.signatures.*.keys.0: must be an absolute path'],
    [signed('*', { policy: 'must', keys }), 'images.signatures.*.policy: must be off, warn or require'],
    [signed('*', { policy: 'require', key: keys }), 'images.signatures.*.key: is not known (did you mean keys?'],
    [signed('*', { policy: 'require', digests: ['latest'] }), 'images.signatures.*.digests.0: must be sha256:'],
    [signed('*', { policy: 'require', keys, sameRepository: 'yes' }), 'sameRepository: must be true or false'],
  ])('are wrong: %j', (settings, problem) => {
    expect(problemsOfImages(settings).map(formatProblem).join('\n')).toContain(problem);
  });

  test('every problem is told at once', () => {
    const settings = { policy: 1, access: { hours: 'x', minutes: 1 }, signatures: { x: { policy: 1, keys: [1] } } };
    expect(problemsOfImages(settings)).toHaveLength(6);
  });
});

test.each([
  ['QUAY.io', 'quay.io'],
  ['quay.io:443', 'quay.io'],
  ['quay.io:80', 'quay.io'],
  ['quay.io:8443', 'quay.io:8443'],
  ['index.docker.io', 'docker.io'],
  ['registry-1.docker.io', 'docker.io'],
  ['0x7f.1:5000', '127.0.0.1:5000'],
  ['[0:0:0:0:0:0:0:1]:5000', '[::1]:5000'],
  ['a b', undefined],
])('the registry %s is known as %s', (domain, name) => {
  expect(registryName(domain)).toBe(name);
});
