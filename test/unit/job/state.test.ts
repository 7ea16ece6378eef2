import { describe, expect, test } from 'vitest';
import { parseJson, stringifyJson } from '../../../src/base/json.ts';
import { parseResultFile } from '../../../src/job/result-file.ts';
import { parseNewState, parseStoredState } from '../../../src/job/state.ts';
import { parseUsage } from '../../../src/job/usage.ts';
import { failureOf } from '../../support/problems.ts';

describe('the stored state', () => {
  test('its component part becomes in/state.json, number for number', () => {
    const { component, storage } = parseStoredState(
      parseJson('{"component":{"lastId":1.0,"#c":"x"},"storage":{"input":{"tables":[]}},"data_app":{"any":1}}'),
    );
    expect([stringifyJson(component), stringifyJson(storage)]).toEqual([
      '{"lastId":1.0,"#c":"x"}',
      '{"input":{"tables":[]}}',
    ]);
  });

  test.each(['null', '[]', '{}', '{"component":[]}', '{"component":null}'])(
    '%s is an empty object for the component',
    (text) => {
      expect(stringifyJson(parseStoredState(parseJson(text)).component)).toBe('{}');
    },
  );

  test.each([
    ['{"foo":1}', 'state.foo'],
    ['{"storage":{"output":{}}}', 'state.storage.output'],
    ['{"storage":{"input":{"tables":[{"source":"a"}]}}}', 'state.storage.input.tables.0.lastImportDate'],
    [
      '{"storage":{"input":{"files":[{"tags":[{"name":"a"}],"lastImportId":"1","x":1}]}}}',
      'state.storage.input.files.0.x',
    ],
  ])('%s is invalid at %s (fact 70)', async (text, path) => {
    const failed = await failureOf(() => parseStoredState(parseJson(text)));
    expect([failed.class, failed.paths]).toEqual(['user', [path]]);
  });

  test('data_app is fine (fact 70)', () => {
    expect(() => parseStoredState(parseJson('{"data_app":{"a":[]}}'))).not.toThrow();
  });
});

describe('the new state', () => {
  test.each([
    [undefined, 'json', '[]'],
    ['{}', 'json', '[]'],
    ['[]', 'json', '[]'],
    ['null', 'json', '[]'],
    ['', 'yaml', '[]'],
    ['{"b":1.0,"a":{}}', 'json', '{"b":1.0,"a":{}}'],
    ['b: 1.0\na: {}\n', 'yaml', '{"b":1.0,"a":{}}'],
  ] as const)('%s as %s is %s (fact 59)', async (text, format, state) => {
    expect(stringifyJson(await parseNewState(text, format))).toBe(state);
  });

  test.each([
    ['{', 'json'],
    ['', 'json'],
    ['7', 'json'],
    ['a: [', 'yaml'],
  ] as const)('%j as %s is the fault of the component', async (text, format) => {
    expect((await failureOf(() => parseNewState(text, format))).class).toBe('application');
  });
});

describe('usage (fact 107)', () => {
  test.each([
    [undefined, []],
    ['[]', []],
    ['[{"metric":"API calls","value":150}]', [{ metric: 'API calls', value: 150 }]],
    [
      '[{"value":0,"metric":"a"},{"metric":"b","value":"12345678901234567890"}]',
      [
        { metric: 'a', value: 0 },
        { metric: 'b', value: '12345678901234567890' },
      ],
    ],
    ['[{"metric":"n","value":12345678901234567890}]', [{ metric: 'n', value: '12345678901234567890' }]],
  ])('%s', async (text, metrics) => {
    expect(await parseUsage(text, 'json')).toEqual(metrics);
  });

  test.each([
    '{',
    '7',
    '[{"metric":"a"}]',
    '[{"metric":"","value":1}]',
    '[{"metric":"a","value":1,"x":1}]',
    '[1]',
    '[{"metric":"a","value":{}}]',
  ])('%s is the fault of the component', async (text) => {
    expect((await failureOf(() => parseUsage(text, 'json'))).class).toBe('application');
  });
});

describe('the result file', () => {
  test.each([
    [undefined, {}],
    ['{}', {}],
    ['{"variables":{"A":"x","B":1.50,"C":null,"D":true,"E":[1],"F":{}}}', { A: 'x', B: '1.50', C: '', D: '1' }],
  ])('%s', (text, variables) => {
    expect(parseResultFile(text)).toEqual({ variables, warnings: [] });
  });

  test.each(['{', '[1]', '{"variables":7}', '"x"'])('%s is only warned about', (text) => {
    expect(parseResultFile(text)).toEqual({ variables: {}, warnings: [expect.stringContaining('result.json')] });
  });
});
