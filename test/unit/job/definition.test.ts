import { describe, expect, test } from 'vitest';
import { fromPlain, stringifyJson } from '../../../src/base/json.ts';
import { imageReference, parseDefinition, sanitizedId } from '../../../src/job/definition.ts';
import { failureOf } from '../../support/problems.ts';

const minimal = { id: 'acme.ex', data: { definition: { type: 'dockerhub', uri: 'acme/ex' } } };
const withData = (data: object) => fromPlain({ ...minimal, data: { ...minimal.data, ...data } });
const withImage = (definition: object) =>
  fromPlain({ id: 'a', data: { definition: { type: 'registry', uri: 'r/x', ...definition } } });

describe('parseDefinition', () => {
  test('fills in every default of the contract', () => {
    expect(parseDefinition(fromPlain(minimal))).toEqual({
      id: 'acme.ex',
      features: [],
      dataTypesSupport: 'none',
      image: { type: 'dockerhub', uri: 'acme/ex', tag: 'latest' },
      memory: '256m',
      configurationFormat: 'json',
      processTimeoutSeconds: 3600,
      forwardToken: false,
      forwardTokenDetails: false,
      injectEnvironment: false,
      defaultBucket: false,
      defaultBucketStage: 'in',
      imageParameters: new Map(),
      synchronousActions: [],
      logging: { type: 'standard', gelfServerType: 'tcp', noApplicationErrors: false, verbosity: {} },
      staging: { input: 'local', output: 'local' },
    });
  });

  test.each(['256m', '32M', '1g', '2G'])('memory %s is kept as it is', (memory) => {
    expect(parseDefinition(withData({ memory })).memory).toBe(memory);
  });

  test.each(['256', '1.5g', 'lots', '', '10 m', '0m'])('memory "%s" makes the definition wrong', async (memory) => {
    const failed = await failureOf(() => parseDefinition(withData({ memory })));
    expect(failed.class).toBe('application');
    expect(failed.paths).toEqual(['data.memory']);
  });

  test.each([
    [0, 2_000_000],
    [7200, 7200],
    [99_999_999, 2_000_000],
  ])('process_timeout %d is %d seconds', (timeout, seconds) => {
    expect(parseDefinition(withData({ process_timeout: timeout })).processTimeoutSeconds).toBe(seconds);
  });

  test('ignores keys that the contract does not know, at every level', () => {
    const json = fromPlain({
      ...minimal,
      uiOptions: [],
      data: { ...minimal.data, vendor: {}, later: 1, logging: { new: true } },
    });
    expect(parseDefinition(json).id).toBe('acme.ex');
  });

  test('names every mistake at once, as an error of the definition (fact 19)', async () => {
    const failed = await failureOf(() =>
      parseDefinition(
        fromPlain({
          id: 'a',
          dataTypesConfiguration: { dataTypesSupport: 'maybe' },
          processorConfiguration: { allowedProcessorPosition: 'inside' },
          data: {
            definition: { type: 'ftp', uri: '', digest: 'abc' },
            process_timeout: -1,
            forward_token: 'yes',
            logging: { type: 'syslog', no_application_errors: true },
            staging_storage: { input: 'workspace-redshift' },
          },
        }),
        'definition of component "a"',
      ),
    );
    expect(failed.class).toBe('application');
    expect(failed.message).toContain('definition of component "a" is wrong');
    expect(new Set(failed.paths)).toEqual(
      new Set([
        'dataTypesConfiguration.dataTypesSupport',
        'processorConfiguration.allowedProcessorPosition',
        'data.definition.type',
        'data.definition.uri',
        'data.definition.digest',
        'data.process_timeout',
        'data.forward_token',
        'data.logging.type',
        'data.staging_storage.input',
      ]),
    );
  });

  test.each([
    ['{"id":"a"}', 'data'],
    ['{"data":{"definition":{"type":"dockerhub","uri":"a"}}}', 'id'],
    ['{"id":"a","data":{}}', 'data.definition'],
  ])('%s lacks %s', async (text, path) => {
    expect((await failureOf(() => parseDefinition(text))).paths).toEqual([path]);
  });

  test('says where text is not JSON', async () => {
    const { class: kind, problems } = await failureOf(() => parseDefinition('{"id": "a",\n  oops}'));
    expect(kind).toBe('application');
    expect(problems[0]).toMatchObject({ line: 2, column: 3 });
  });

  test('refuses different workspaces for input and output', async () => {
    const staging = { input: 'workspace-snowflake', output: 'workspace-bigquery' };
    expect((await failureOf(() => parseDefinition(withData({ staging_storage: staging })))).paths).toEqual([
      'data.staging_storage',
    ]);
  });

  test('keeps image parameters as they were written', () => {
    const text =
      '{"id":"a","data":{"definition":{"type":"registry","uri":"a"},"image_parameters":{"z":1.0,"2":{},"1":[],"n":12345678901234567890}}}';
    expect(stringifyJson(parseDefinition(text).imageParameters)).toBe(
      '{"z":1.0,"2":{},"1":[],"n":12345678901234567890}',
    );
  });

  test("reads PHP's empty list of image parameters as an empty object", () => {
    expect(parseDefinition(withData({ image_parameters: [] })).imageParameters).toEqual(new Map());
  });

  test('takes digest and credentials of a private registry', () => {
    const digest = 'a'.repeat(64);
    const { image } = parseDefinition(
      withImage({ digest, repository: { username: 'u', '#password': 'KBC::x', server: 'r' } }),
    );
    expect(image).toMatchObject({
      digest: `sha256:${digest}`,
      credentials: { username: 'u', password: 'KBC::x', server: 'r' },
    });
  });

  test('takes name and password for ECR as an access key of AWS, for the base of a built image too', () => {
    const repository = { username: 'AKIA', '#password': 'KBC::x', server: null, region: 'eu-central-1' };
    const key = { kind: 'aws-key', username: 'AKIA', password: 'KBC::x', region: 'eu-central-1' };
    expect(parseDefinition(withImage({ type: 'aws-ecr', repository })).image.credentials).toEqual(key);
    const build_options = {
      parent_type: 'aws-ecr',
      repository: { uri: 'https://git.example/x.git', type: 'git' },
      entry_point: 'run',
    };
    expect(parseDefinition(withImage({ type: 'builder', repository, build_options })).image.credentials).toEqual(key);
    const others = { ...key, kind: undefined };
    expect(parseDefinition(withImage({ type: 'registry', repository })).image.credentials).toEqual(others);
  });

  test.each([
    {},
    [],
    { username: '', '#password': '' },
    { username: null, '#password': null },
    { region: 'us-east-1' },
  ])('takes the repository %j for no credentials', (repository) => {
    expect(parseDefinition(withImage({ type: 'aws-ecr', repository })).image.credentials).toBeUndefined();
  });

  test.each([{ username: 'u' }, { '#password': 'KBC::x' }, { username: 'u', '#password': '' }])(
    'refuses half of the credentials: %j',
    async (repository) => {
      expect((await failureOf(() => parseDefinition(withImage({ repository })))).paths).toEqual([
        'data.definition.repository',
      ]);
    },
  );
});

describe('imageReference', () => {
  test.each([
    [{ type: 'dockerhub', uri: 'acme/ex' }, undefined, 'acme/ex:latest'],
    [{ type: 'dockerhub', uri: 'acme/ex', tag: '' }, undefined, 'acme/ex:latest'],
    [{ type: 'dockerhub', uri: 'acme/ex', tag: '1.2' }, undefined, 'acme/ex:1.2'],
    [{ type: 'dockerhub', uri: 'acme/ex', tag: '1.2' }, '9', 'acme/ex:9'],
    [{ type: 'dockerhub', uri: 'acme/ex', tag: '1.2' }, '', 'acme/ex:1.2'],
    [{ type: 'quayio', uri: 'acme/ex', tag: '1' }, undefined, 'quay.io/acme/ex:1'],
    [{ type: 'registry', uri: '127.0.0.1:5000/a/b', tag: 'x' }, undefined, '127.0.0.1:5000/a/b:x'],
  ])('%j with tag %s is %s', (definition, tag, reference) => {
    expect(imageReference(parseDefinition(withImage(definition)), tag)).toBe(reference);
  });
});

test('a sanitised id holds letters, digits and dashes (fact 89)', () => {
  expect(sanitizedId('acme.ex_wéather')).toBe('acme-ex-w-ather');
});
