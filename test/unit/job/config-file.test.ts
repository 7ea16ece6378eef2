import { describe, expect, test } from 'vitest';
import { fromPlain, type Json, parseJson, stringifyJson, toPlain } from '../../../src/base/json.ts';
import { readDocument } from '../../../src/base/schema.ts';
import * as configFileSchema from '../../../src/gen/config-file.schema.js';
import { findSecretMisuse, mainConfigFile, processorConfigFile } from '../../../src/job/config-file.ts';
import { normalizeConfiguration } from '../../../src/job/configuration.ts';
import { parseDefinition } from '../../../src/job/definition.ts';
import { parseDocument, renderDocument } from '../../../src/job/document.ts';
import { parametersId, stageEnvironment } from '../../../src/job/environment.ts';

const mainFile = (text: string, imageParameters: Json = new Map(), context?: string) =>
  mainConfigFile({
    document: normalizeConfiguration(parseJson(text)).document,
    imageParameters,
    action: 'run',
    ...(context !== undefined && { context }),
  });

describe('config.json of the main image', () => {
  test('of an empty configuration has every root, empty, and the action (fact 43)', () => {
    const file = mainFile('{}');
    expect(toPlain(file)).toEqual({
      storage: {},
      parameters: {},
      image_parameters: {},
      authorization: {},
      action: 'run',
      shared_code_row_ids: [],
    });
    expect(readDocument(configFileSchema, file).problems).toEqual([]);
  });

  test('has neither runtime nor processors, and the image parameters of the component (fact 44)', () => {
    const text =
      '{"runtime":{"tag":"1"},"processors":{"before":[]},"image_parameters":{"mine":1},"action":"list","parameters":{"a":1}}';
    expect(toPlain(mainFile(text, fromPlain({ theirs: 2 })))).toEqual({
      image_parameters: { theirs: 2 },
      action: 'run',
      parameters: { a: 1 },
      shared_code_row_ids: [],
      storage: {},
      authorization: {},
    });
  });

  test('does not pass on a stored workspace or context, and gives the context of the backend', () => {
    const text = '{"authorization":{"workspace":{"host":"x"},"context":"y"}}';
    expect(toPlain(mainFile(text))).toMatchObject({ authorization: {} });
    expect(toPlain(mainFile(text, new Map(), 'ctx'))).toMatchObject({ authorization: { context: 'ctx' } });
  });

  test('keeps variables and shared code ids when they are there', () => {
    expect(toPlain(mainFile('{"variables_values_id":5,"shared_code_row_ids":["a"]}'))).toMatchObject({
      variables_values_id: 5,
      shared_code_row_ids: ['a'],
    });
  });

  test.each(['[]', 'null', '{}'])('parameters %s are an empty object', (parameters) => {
    expect(stringifyJson(mainFile(`{"parameters":${parameters}}`).get('parameters') as Json)).toBe('{}');
  });
});

test('config.json of a processor has its own parameters and nothing of the configuration', () => {
  const file = processorConfigFile({ parameters: fromPlain({ a: 1 }), imageParameters: [], action: 'run' });
  expect(toPlain(file)).toEqual({
    parameters: { a: 1 },
    image_parameters: {},
    action: 'run',
    shared_code_row_ids: [],
    storage: {},
    authorization: {},
  });
  expect(readDocument(configFileSchema, file).problems).toEqual([]);
});

describe('findSecretMisuse (fact 45)', () => {
  const imageParameters = fromPlain({ '#key': 'secret', deep: { '#other': 'hush', plain: 'open' }, '#empty': '' });
  test.each([
    [{ parameters: { '#mine': 'secret' } }, ['parameters.#mine']],
    [{ parameters: { list: [{ '#a': 'x' }, { '#b': 'hush' }] } }, ['parameters.list.1.#b']],
    [{ parameters: { mine: 'secret' } }, []],
    [{ parameters: { '#mine': 'open' } }, []],
    [{ parameters: { '#mine': '' } }, []],
  ])('%j → %j', (configuration, paths) => {
    expect(findSecretMisuse(fromPlain(configuration), imageParameters)).toEqual(paths);
  });
});

describe('documents', () => {
  test('JSON is written with an indent of four and numbers as they were', async () => {
    expect(await renderDocument(parseJson('{"b":1.0,"a":[],"c":{"d":[1]}}'), 'json')).toBe(
      '{\n    "b": 1.0,\n    "a": [],\n    "c": {\n        "d": [\n            1\n        ]\n    }\n}\n',
    );
  });

  test('YAML is written in blocks, with words quoted that older readers take for something else', async () => {
    const text = await renderDocument(
      parseJson(
        '{"b":1.0,"yes":"no","d":"2024-01-01","t":"12:30","n":"007","x":null,"l":[{"a":1e5}],"e":{},"f":[],"m":"a\\nb"}',
      ),
      'yaml',
    );
    expect(text).toBe(
      'b: 1.0\n"yes": "no"\nd: "2024-01-01"\nt: "12:30"\n"n": "007"\nx: null\nl:\n  - a: 1.0e+5\ne: {}\nf: []\nm: |-\n  a\n  b\n',
    );
  });

  test.each([
    '{"a":12345678901234567890,"b":-0.50,"2":"x","1":[true,null,""]}',
    '[]',
    '{}',
    '{"#s":"ž\\u0000\\"\\\\: # x","=":"=","\\t":"a\\tb\\u0085\\u2028\\ufeff"}',
  ])('%s survives YAML there and back', async (text) => {
    const json = parseJson(text);
    expect(stringifyJson(await parseDocument(await renderDocument(json, 'yaml'), 'yaml'))).toBe(stringifyJson(json));
  });

  test('anchors are read, bombs of them are not', async () => {
    expect(stringifyJson(await parseDocument('a: &x {k: 1}\nb: *x\n', 'yaml'))).toBe('{"a":{"k":1},"b":{"k":1}}');
    const bomb = `a0: &a0 [x]\n${Array.from({ length: 9 }, (_, i) => `a${i + 1}: &a${i + 1} [${Array(9).fill(`*a${i}`).join(', ')}]`).join('\n')}\n`;
    await expect(parseDocument(bomb, 'yaml')).rejects.toMatchObject({ name: 'JsonSyntaxError' });
  });

  test.each([
    ['json', '{"a" 1}', 1, 6],
    ['yaml', 'a: 1\nb: [1', 2, 6],
    ['yaml', 'a: .inf\n', undefined, undefined],
    ['yaml', '['.repeat(5000), undefined, undefined],
  ] as const)('%s that is wrong says where: %s', async (format, text, line, column) => {
    const where = line === undefined ? {} : { line, column };
    await expect(parseDocument(text, format)).rejects.toMatchObject({ name: 'JsonSyntaxError', ...where });
  });
});

describe('the environment', () => {
  const component = (id: string, data: object = {}) =>
    parseDefinition(fromPlain({ id, data: { definition: { type: 'registry', uri: 'x' }, ...data } }));
  const main = component('acme.main', { forward_token_details: true });
  const given = {
    component: main,
    main,
    runId: '7',
    project: {
      id: '1',
      name: 'My "project" = ž $HOME',
      features: ['a', 'b'],
      stackId: 'local',
      url: 'http://x',
      fileStorageProvider: 'aws',
      branchId: '5',
    },
    token: { id: 't1', description: 'token `id` \\' },
    configVersion: '3',
    parametersId: 'b'.repeat(40),
  } as const;

  test('is complete and verbatim (facts 5 and 40)', () => {
    expect(stageEnvironment({ ...given, configId: '12', rowId: 'r1' })).toEqual({
      KBC_RUNID: '7',
      KBC_PROJECTID: '1',
      KBC_DATADIR: '/data/',
      KBC_CONFIGID: '12',
      KBC_CONFIGVERSION: '3',
      KBC_COMPONENTID: 'acme.main',
      KBC_STACKID: 'local',
      KBC_STAGING_FILE_PROVIDER: 'aws',
      KBC_PROJECT_FEATURE_GATES: 'a,b',
      KBC_COMPONENT_RUN_MODE: 'run',
      KBC_CONFIGROWID: 'r1',
      KBC_BRANCHID: '5',
      KBC_PROJECTNAME: 'My "project" = ž $HOME',
      KBC_TOKENID: 't1',
      KBC_TOKENDESC: 'token `id` \\',
    });
  });

  test('a processor has its own id and flags (facts 39 and 40)', () => {
    const env = stageEnvironment({ ...given, component: component('acme.proc') });
    expect(env).toMatchObject({ KBC_COMPONENTID: 'acme.proc' });
    for (const name of [
      'KBC_TOKEN',
      'KBC_URL',
      'KBC_TOKENID',
      'KBC_PROJECTNAME',
      'KBC_CONFIGROWID',
      'KBC_DATA_TYPE_SUPPORT',
    ])
      expect(env).not.toHaveProperty(name);
  });

  test('without a configuration its id is the same for equal parameters and another for others', () => {
    const id = (parameters: object) => parametersId(fromPlain(parameters));
    expect(stageEnvironment({ ...given, parametersId: id({ a: 1 }) }).KBC_CONFIGID).toBe(id({ a: 1 }));
    expect(id({ a: 1 })).toMatch(/^[0-9a-f]{40}$/);
    expect(id({ a: 2 })).not.toBe(id({ a: 1 }));
  });

  test('the support of data types is that of the main component, and needs the feature of the project (fact 42)', () => {
    const typed = component('acme.main', {});
    const project = { ...given.project, features: ['new-native-types'] };
    expect(stageEnvironment({ ...given, main: { ...typed, dataTypesSupport: 'hints' }, project })).toMatchObject({
      KBC_DATA_TYPE_SUPPORT: 'hints',
    });
  });
});
