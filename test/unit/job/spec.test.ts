import { describe, expect, test } from 'vitest';
import { fromPlain, parseJson, stringifyJson } from '../../../src/base/json.ts';
import { normalizeConfiguration } from '../../../src/job/configuration.ts';
import { parseDefinition } from '../../../src/job/definition.ts';
import { parseJobSpec } from '../../../src/job/spec.ts';
import { findUnsupported } from '../../../src/job/unsupported.ts';
import { failureOf } from '../../support/problems.ts';

const spec = (job: object) => parseJobSpec(JSON.stringify({ component: 'acme.ex', config: '1', ...job }), 'job.json');

describe('parseJobSpec', () => {
  test('the smallest job', () => {
    expect(spec({})).toMatchObject({ component: 'acme.ex', config: '1', mode: 'run', backend: {} });
  });

  test('everything a job may say', () => {
    const job = {
      formatVersion: 1,
      configRowIds: [1, 'r2'],
      tag: 'v1.2',
      mode: 'forceRun',
      parallelism: 5,
      backend: { type: 'small', context: 'c' },
      behavior: { onError: 'warning' },
      token: 't1',
      clientKey: 'k',
      priority: 3,
      notBefore: '2026-01-31T08:00:00+01:00',
      branchId: null,
      variableValuesId: null,
    };
    const { plain: _, source: __, ...read } = spec(job);
    expect(read).toEqual({
      component: 'acme.ex',
      config: '1',
      configRowIds: ['1', 'r2'],
      tag: 'v1.2',
      mode: 'forceRun',
      parallelism: '5',
      backend: { type: 'small', context: 'c' },
      token: 't1',
      clientKey: 'k',
      priority: 3,
      notBefore: '2026-01-31T07:00:00.000Z',
    });
  });

  test('configData stays as it was written', () => {
    const data = '{"parameters":{"2":1.0,"1":{},"n":12345678901234567890}}';
    const { configData } = parseJobSpec(`{"component":"a","configData":${data}}`, 'job.json');
    expect(configData && stringifyJson(configData)).toBe(data);
  });

  test('five mistakes are five problems, each with its path, and hints where one is likely', async () => {
    const failed = await failureOf(() =>
      parseJobSpec(
        '{"componet":"a","mode":"fast","configRowIds":"r1","priority":"high","notBefore":"soon"}',
        'job.json',
      ),
    );
    expect(failed.class).toBe('user');
    expect(new Set(failed.paths)).toEqual(
      new Set(['componet', 'component', 'mode', 'priority', 'configRowIds', 'notBefore', undefined]),
    );
    expect(failed.problems.find(({ path }) => path === 'componet')?.hint).toBe('did you mean "component"?');
    expect(failed.problems.every(({ source }) => source === 'job.json')).toBe(true);
  });

  test.each([
    ['{"component": "a",\n "config": }', 2, 12],
    ['', 1, 1],
    ['{"component":"a"} x', 1, 19],
  ])('%j is not JSON at line %d, column %d', async (text, line, column) => {
    expect((await failureOf(() => parseJobSpec(text, 'job.json'))).problems).toEqual([
      expect.objectContaining({ source: 'job.json', line, column }),
    ]);
  });

  test.each([['{"component":"a"}'], ['{"component":"a","config":null,"configData":null}']])(
    '%s lacks a configuration',
    async (text) => {
      expect((await failureOf(() => parseJobSpec(text, 'j'))).message).toContain('configData');
    },
  );

  test.each(['[]', 'null', '7', '"x"'])('%s is no job', async (text) => {
    expect((await failureOf(() => parseJobSpec(text, 'j'))).class).toBe('user');
  });

  test.each([
    [{ mode: 'walk' }, 'mode'],
    [{ config: 'a\nb' }, 'config'],
    [{ tag: 'a b' }, 'tag'],
    [{ tag: '../x' }, 'tag'],
    [{ parallelism: 101 }, 'parallelism'],
    [{ backend: { size: 'x' } }, 'backend.size'],
    [{ formatVersion: 2 }, 'formatVersion'],
    [{ configData: 'x' }, 'configData'],
  ])('%j is wrong at %s (fact 102)', async (job, path) => {
    expect((await failureOf(() => spec(job))).paths).toEqual([path]);
  });
});

describe('findUnsupported', () => {
  const definition = (data: object = {}, id = 'acme.ex', more: object = {}) =>
    parseDefinition(
      fromPlain({ id, ...more, data: { definition: { type: 'registry', uri: 'x' }, network: 'none', ...data } }),
    );
  const find = (given: {
    job?: object;
    component?: object;
    processor?: object;
    configuration?: object;
    features?: readonly string[];
  }) =>
    findUnsupported({
      spec: spec(given.job ?? {}),
      component: definition(given.component, 'acme.ex', { features: given.features ?? [] }),
      processors: new Map(
        given.processor === undefined ? [] : [['acme.proc', definition(given.processor, 'acme.proc')]],
      ),
      configurations: [normalizeConfiguration(fromPlain(given.configuration ?? {}))],
      project: { branchId: '5' },
    });
  const paths = (given: Parameters<typeof find>[0]) => find(given).problems.map(({ path }) => path);
  const inputTable = (item: object) => ({
    configuration: { storage: { input: { tables: [{ source: 'a.b.c', ...item }] } } },
  });
  const inputFile = (item: object) => ({
    configuration: { storage: { input: { files: [{ tags: ['a'], ...item }] } } },
  });
  const outputTable = (item: object) => ({
    configuration: { storage: { output: { tables: [{ source: 'a', ...item }] } } },
  });

  test.each<[Parameters<typeof find>[0], string]>([
    [{ job: { mode: 'debug' } }, 'mode'],
    [{ job: { branchId: '9' } }, 'branchId'],
    [{ job: { variableValuesId: '1' } }, 'variableValuesId'],
    [{ job: { variableValuesData: { values: [{ name: 'a', value: 'b' }] } } }, 'variableValuesData'],
    [{ job: { orchestrationJobId: '1' } }, 'orchestrationJobId'],
    [{ job: { onlyOrchestrationTaskIds: ['1'] } }, 'onlyOrchestrationTaskIds'],
    [{ job: { previousJobId: '1' } }, 'previousJobId'],
    [{ job: { type: 'container' } }, 'type'],
    [{ job: { deduplicationId: 'x' } }, 'deduplicationId'],
    [{ configuration: { variables_id: 1 } }, 'container.variables_id'],
    [{ configuration: { shared_code_id: 1, shared_code_row_ids: ['a'] } }, 'container.shared_code_id'],
    [{ configuration: { parameters: { a: [{ b: 'x {{ vault.NAME }}' }] } } }, 'container.parameters.a.0.b'],
    [{ configuration: { authorization: { oauth_api: { id: 'main' } } } }, 'container.authorization.oauth_api'],
    [{ configuration: { authorization: { app_proxy: { auth_rules: [] } } } }, 'container.authorization.app_proxy'],
    [{ configuration: { artifacts: { runs: { enabled: true, filter: { limit: 1 } } } } }, 'container.artifacts.runs'],
    [{ configuration: { artifacts: { shared: { enabled: true } } } }, 'container.artifacts.shared'],
    [
      { configuration: { runtime: { backend: { workspace_credentials: { id: 1 } } } } },
      'container.runtime.backend.workspace_credentials',
    ],
    [
      { configuration: { runtime: { use_file_storage_only: true } }, features: ['allow-use-file-storage-only'] },
      'container.runtime.use_file_storage_only',
    ],
    [inputTable({ source_branch_id: 5 }), 'container.storage.input.tables.0.source_branch_id'],
    [inputTable({ changed_since: 'adaptive' }), 'container.storage.input.tables.0.changed_since'],
    [inputTable({ file_type: 'parquet' }), 'container.storage.input.tables.0.file_type'],
    [
      inputTable({ column_types: [{ source: 'a', type: 'INT' }] }),
      'container.storage.input.tables.0.column_types.0.type',
    ],
    [inputFile({ query: 'x' }), 'container.storage.input.files.0.query'],
    [inputFile({ changed_since: 'adaptive' }), 'container.storage.input.files.0.changed_since'],
    [inputFile({ overwrite: false }), 'container.storage.input.files.0.overwrite'],
    [
      outputTable({ delete_where_column: 'a', delete_where_values: ['x'] }),
      'container.storage.output.tables.0.delete_where_column',
    ],
    [outputTable({ delete_where: [{ changed_since: '-1 day' }] }), 'container.storage.output.tables.0.delete_where'],
    [outputTable({ unload_strategy: 'direct-grant' }), 'container.storage.output.tables.0.unload_strategy'],
    [outputTable({ deduplication_strategy: 'insert' }), 'container.storage.output.tables.0.deduplication_strategy'],
    [{ component: { logging: { type: 'gelf' } } }, 'data.logging.type'],
    [{ component: { inject_environment: true } }, 'data.inject_environment'],
    [{ component: { staging_storage: { input: 's3' } } }, 'data.staging_storage.input'],
    [{ component: { staging_storage: { output: 'workspace-snowflake' } } }, 'data.staging_storage.output'],
  ])('%j is refused by name at %s', (given, path) => {
    const { problems } = find(given);
    expect(problems.map((problem) => problem.path)).toContain(path);
    expect(problems.every(({ message }) => message.length > 0)).toBe(true);
  });

  test.each<[Parameters<typeof find>[0]]>([
    [{}],
    [{ job: { branchId: 'default' } }],
    [{ job: { branchId: '5' } }],
    [
      {
        job: {
          mode: 'forceRun',
          behavior: { onError: 'stop' },
          executor: 'dind',
          type: 'standard',
          backend: { type: 'small' },
        },
      },
    ],
    [{ job: { backend: { containerType: 'large' } }, configuration: { runtime: { backend: { type: 'odd' } } } }],
    [{ configuration: { variables_values_id: 1, shared_code_id: 1, shared_code_row_ids: [] } }],
    [
      {
        configuration: {
          authorization: { workspace: { host: 'x' }, context: 'y' },
          artifacts: { runs: { enabled: false } },
        },
      },
    ],
    [
      {
        configuration: {
          runtime: { safe: true, executor: 'dind', use_file_storage_only: true, backend: { context: 'c' } },
        },
      },
    ],
    [{ configuration: { parameters: { a: '{{{vault.X}}}', b: '{{ name }}' } } }],
    [
      inputTable({
        load_type: 'clone',
        use_view: true,
        overwrite: true,
        keep_internal_timestamp_column: false,
        column_types: [{ source: 'a' }],
      }),
    ],
    [inputFile({ overwrite: true, processed_tags: ['x'] })],
    [
      outputTable({
        distribution_key: ['a'],
        tags: ['x'],
        schema: [{ name: 'a', primary_key: true }],
        deduplication_strategy: 'upsert',
        delete_where_operator: 'ne',
      }),
    ],
    [
      {
        configuration: {
          storage: {
            output: {
              data_type_support: 'hints',
              table_modifications: 'all',
              treat_values_as_null: [],
              table_files: { tags: ['a'] },
            },
          },
        },
      },
    ],
    [{ component: { staging_storage: { input: 'none', output: 'none' } } }],
    [{ processor: { staging_storage: { input: 's3' } } }],
  ])('%j is accepted', (given) => {
    expect(paths(given)).toEqual([]);
  });

  test('parallelism of several rows is accepted with a note', () => {
    const rows = [{}, {}].map((configuration) => normalizeConfiguration(fromPlain(configuration)));
    const asked = { component: definition(), processors: new Map(), configurations: rows };
    expect(findUnsupported({ ...asked, spec: spec({ parallelism: 'infinity' }) }).notes).toEqual([
      expect.stringContaining('infinity'),
    ]);
    expect(findUnsupported({ ...asked, spec: spec({ parallelism: '0' }) }).notes).toEqual([]);
  });

  test('the same gap in several rows is named once', () => {
    const rows = [1, 2].map(() => normalizeConfiguration(parseJson('{"variables_id":"1"}')));
    expect(
      findUnsupported({ spec: spec({}), component: definition(), processors: new Map(), configurations: rows })
        .problems,
    ).toHaveLength(1);
  });
});
