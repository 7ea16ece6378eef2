import { describe, expect, test } from 'vitest';
import { fromPlain } from '../../../src/base/json.ts';
import { parseDefinition } from '../../../src/job/definition.ts';
import { defaultBucketOf } from '../../../src/job/destination.ts';
import { failureOf } from '../../support/problems.ts';

const component = (data: object) =>
  parseDefinition(fromPlain({ id: 'acme.ex-weather', data: { definition: { type: 'registry', uri: 'x' }, ...data } }));

describe('the default bucket', () => {
  test.each([
    [{ default_bucket: true }, undefined, '123', 'in.c-acme-ex-weather-123'],
    [{ default_bucket: true, default_bucket_stage: 'out' }, undefined, '123', 'out.c-acme-ex-weather-123'],
    [{ default_bucket: true }, 'out.c-mine', '123', 'out.c-mine'],
    [{ default_bucket: true }, 'out.c-mine', undefined, 'out.c-mine'],
    [{}, 'out.c-mine', undefined, 'out.c-mine'],
    [{ default_bucket: true }, '', '1', 'in.c-acme-ex-weather-1'],
    [{}, undefined, '123', undefined],
  ])('of %j with the wish %s and configuration %s is %s (fact 89)', (data, wished, configId, bucket) => {
    expect(
      defaultBucketOf({
        definition: component(data),
        ...(wished !== undefined && { wished }),
        ...(configId !== undefined && { configId }),
      }),
    ).toBe(bucket);
  });

  test('needs a configuration id (fact 89)', async () => {
    expect((await failureOf(() => defaultBucketOf({ definition: component({ default_bucket: true }) }))).class).toBe(
      'user',
    );
  });
});
