import { describe, expect, test } from 'vitest';
import { fromPlain } from '../../../../src/base/json.ts';
import { planBuild } from '../../../../src/job/build/plan.ts';
import { imageReference, parseDefinition } from '../../../../src/job/definition.ts';
import { failureOf } from '../../../support/problems.ts';

const options = {
  parent_type: 'quayio',
  repository: { uri: 'https://git.example.org/app.git', type: 'git' },
  entry_point: 'python /home/main.py',
  commands: ['git clone {{repository}} /home && git checkout {{version}}'],
  parameters: [{ name: 'version', type: 'plain_string' }],
};

const definitionOf = (more: object) =>
  parseDefinition(
    fromPlain({
      id: 'a.b',
      data: { definition: { type: 'builder', uri: 'acme/py', tag: '1', build_options: { ...options, ...more } } },
    }),
  );

function plan(more: object, { parameters = {}, runtime = {} }: { parameters?: object; runtime?: object } = {}) {
  const definition = definitionOf(more);
  return planBuild({
    component: 'a.b',
    definition: definition.image.build ?? expect.fail(),
    base: imageReference(definition),
    parameters: fromPlain(parameters),
    runtime: fromPlain(runtime),
    network: 'bridge',
  });
}

const dockerfileOf = (planned: ReturnType<typeof plan>): string =>
  planned.recipe.how.kind === 'commands' ? planned.recipe.how.dockerfile : '';

describe('commands', () => {
  test('become a Dockerfile in the order of the contract (9.3)', () => {
    const planned = plan({}, { runtime: { version: '1.2' } });
    expect(dockerfileOf(planned).split('\n')).toEqual([
      'FROM quay.io/acme/py:1',
      'LABEL com.keboola.docker.runner.origin=builder',
      'WORKDIR /home',
      'ENV APP_VERSION="1.2"',
      'RUN git clone https://git.example.org/app.git /home && git checkout 1.2',
      'WORKDIR /data',
      'ENTRYPOINT python /home/main.py',
      '',
    ]);
    expect(planned.recipe).toMatchObject({ cache: true, version: '1.2', network: 'bridge' });
    expect(planned.secrets).toEqual({ files: [], values: [] });
  });

  test('take values from parameters, then from runtime, for declared names only (fact 111)', () => {
    const parameters = [
      { name: 'a', type: 'string' },
      { name: 'b', type: 'int' },
      { name: 'c', type: 'string', required: false },
      { name: 'd', type: 'plain_string', default_value: 'not plain' },
    ];
    const given = {
      parameters: { a: 'first', b: '7', undeclared: 'x' },
      runtime: { a: 'second', repository: 'https://x/y' },
    };
    const planned = plan({ commands: ['{{a}}|{{b}}|{{c}}|{{d}}|{{repository}}'], parameters }, given);
    expect(dockerfileOf(planned)).toContain('RUN second|7||not plain|https://git.example.org/app.git\n');
  });

  test('act on repository, version, user name and password of runtime, when these are declared', () => {
    const parameters = ['repository', 'version', 'username', '#password'].map((name) => ({ name, type: 'string' }));
    const runtime = {
      repository: 'https://other.example.org/x.git',
      version: 'master',
      username: 'joe',
      '#password': 'KBC::x',
    };
    const planned = plan({ parameters }, { runtime });
    expect(planned.recipe.repository).toEqual({ uri: 'https://other.example.org/x.git', username: 'joe' });
    expect(planned.recipe).toMatchObject({ cache: false, version: 'master' });
    expect(planned.secrets).toEqual({ encryptedPassword: 'KBC::x', files: [], values: [] });
    const lines = dockerfileOf(planned).split('\n');
    expect(lines.filter((line) => line.startsWith('ARG GIT_'))).toHaveLength(5);
    expect(lines.find((line) => line.startsWith('RUN'))).toMatch(
      /^RUN --mount=type=secret,id=git-credentials,target=\/tmp\/\.git-credentials,mode=0444,required=true git clone https:\/\/other/,
    );
  });

  test("the definition's password never goes to a repository that a configuration names", () => {
    const repository = { ...options.repository, username: 'joe', '#password': 'KBC::y' };
    const parameters = [...options.parameters, { name: 'repository', type: 'string' }];
    const own = plan({ repository, parameters }, { runtime: { version: '1' } });
    expect([own.recipe.repository.username, own.secrets.encryptedPassword]).toEqual(['joe', 'KBC::y']);
    const other = plan(
      { repository, parameters },
      { runtime: { version: '1', repository: 'https://evil.example.org/' } },
    );
    expect(other.recipe.repository).toEqual({ uri: 'https://evil.example.org/' });
    expect(other.secrets.encryptedPassword).toBeUndefined();
  });

  test('that a line cannot hold, or that hold a secret, come as a file', () => {
    const parameters = [{ name: '#token', type: 'argument' }];
    const commands = ['a\nb', 'curl {{#token}}', 'x \\', '--mount=type=bind x', 'cat <<EOF', '["/bin/true"]'];
    const planned = plan({ commands, parameters }, { parameters: { '#token': 'KBC::z' } });
    expect(dockerfileOf(planned).match(/^RUN .*$/gm)).toEqual([
      ...[1, 2, 3, 4, 5].map((number) => {
        const id = `command-${number}`;
        return `RUN --mount=type=secret,id=${id},target=/tmp/.${id},mode=0444,required=true /bin/sh /tmp/.${id}`;
      }),
      'RUN ["/bin/true"]',
    ]);
    expect(planned.secrets.files.map(({ text }) => text)).toEqual(commands.slice(0, 5));
    expect(planned.secrets.values).toEqual([
      { parameter: expect.objectContaining({ name: '#token' }), encryptedValue: 'KBC::z' },
    ]);
    expect(JSON.stringify(planned.recipe)).not.toContain('KBC::z');
  });

  test('are refused with everything that is wrong', async () => {
    const parameters = [
      { name: 'missing', type: 'int' },
      { name: 'kind', type: 'enumeration', values: ['a'] },
      { name: 'name', type: 'plain_string' },
      { name: '#key', type: 'string' },
      { name: 'repository', type: 'string' },
      { name: 'username', type: 'string' },
    ];
    const given = {
      parameters: { kind: 'b', name: 'a b', '#key': 'KBC::k' },
      runtime: { repository: 'git@host:x', username: 'joe' },
    };
    const failed = await failureOf(() =>
      plan({ commands: ['{{unknown}} {{#other}}'], entry_point: 'x {{#key}}', parameters }, given),
    );
    expect(failed.class).toBe('user');
    for (const part of [
      '"missing" has no value',
      '"b" of the build parameter "kind"',
      '"a b"',
      '{{unknown}}, {{#other}}',
      'scheme',
      'show a secret',
    ])
      expect(failed.message).toContain(part);
  });
});

describe('a Dockerfile', () => {
  const dockerfile = { dockerfile: 'docker/Dockerfile', entry_point: undefined, commands: [] };

  test('gets parameters as arguments, and secrets as files', () => {
    const parameters = [...options.parameters, { name: '#key', type: 'string' }];
    const planned = plan(
      { ...dockerfile, parameters },
      { parameters: { '#key': 'KBC::k' }, runtime: { version: 'v1' } },
    );
    expect(planned.recipe.how).toEqual({
      kind: 'dockerfile',
      path: 'docker/Dockerfile',
      context: '.',
      arguments: { version: 'v1' },
    });
    expect(planned.secrets.files).toEqual([{ id: 'key', text: '{{#key}}' }]);
  });

  test('is fetched by http or https, at a reference', async () => {
    const repository = { uri: 'ssh://git@host/x', type: 'git' };
    const failed = await failureOf(() => plan({ ...dockerfile, repository }, { runtime: { version: '-x' } }));
    expect(failed.message).toContain('cannot be fetched');
    expect(failed.message).toContain('no branch, tag or commit');
  });
});

test("a definition is refused with everything that is wrong, as its author's", async () => {
  const wrong = {
    parent_type: undefined,
    entry_point: undefined,
    repository: { uri: '--x', type: 'git', '#password': 'x' },
    parameters: [
      { name: 'a', type: 'enumeration' },
      { name: 'a', type: 'int' },
      { name: '#b', type: 'string', default_value: 'x' },
    ],
  };
  const failed = await failureOf(() => definitionOf(wrong));
  expect(failed.class).toBe('application');
  expect(failed.paths).toEqual(
    [
      'repository.uri',
      'repository',
      'parent_type',
      'entry_point',
      'parameters.0.values',
      'parameters.1.name',
      'parameters.2.default_value',
    ].map((path) => `data.definition.build_options.${path}`),
  );
  expect((await failureOf(() => definitionOf({ dockerfile: '../x', context: '/y' }))).paths).toHaveLength(4);
});
