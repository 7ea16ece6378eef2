import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { describe, expect, test } from 'vitest';
import type { Line } from '../support/cli.ts';
import { build, scratchLayer, shell } from '../support/components.ts';
import { filesWith, mainDefined, type Site, useTenant } from '../support/site.ts';

const tenant = useTenant(import.meta.filename);

/** What a stage printed, as one text. */
function printed(lines: readonly Line[], stage = 0, stream = 'stdout'): string {
  const own = lines.filter((line) => line.type === 'log' && line.stage === stage && line.stream === stream);
  return own.map(({ message }) => `${message}\n`).join('');
}

async function withMain(more?: object): Promise<Site> {
  if (more === undefined) return await tenant.site({ prepare: mainDefined });
  const site = await tenant.site();
  await site.define('test.main', more);
  return site;
}

describe('a chain of processor, component and processor', () => {
  const csv = 'id,text\n1,"a ""quoted"" one"\n2,"two\nlines"\n3,žluťoučký kůň 🐎\n007,NULL\n5,\n';

  async function chain(site: Site): Promise<void> {
    for (const id of ['test.main', 'test.before', 'test.after']) await site.define(id);
    await site.ask(['storage', 'import', 'in.c-e2e.rows', await site.file('rows.csv', csv)]);
    const rates = await site.file('rates.txt', 'EUR 1\n');
    await site.ask(['storage', 'import', '--file', rates, '--name', 'rates.txt', '--tag', 'rates']);
    const configuration = {
      parameters: shell(`
        mark=$(sed -n 's/.*"mark": *\\([0-9]*\\).*/\\1/p' in/state.json)
        echo "{\\"mark\\": $(( \${mark:-0} + 1 ))}" > out/state.json
        echo '[{"metric": "API calls", "value": 150}]' > out/usage.json
        cat in/tables/rows.csv in/tables/rows.csv > out/tables/twice.csv
        cat in/files/*_rates.txt > out/files/note.txt
        echo '{"tags": ["noted"], "is_permanent": true}' > out/files/note.txt.manifest
      `),
      storage: {
        input: {
          tables: [{ source: 'in.c-e2e.rows', destination: 'rows.csv' }],
          files: [{ tags: ['rates'], processed_tags: ['seen'] }],
        },
        output: { tables: [{ source: 'twice.csv', destination: 'out.c-e2e.twice' }] },
      },
      processors: {
        before: [
          {
            definition: { component: 'test.before' },
            // The header and the quotes go: what the last one writes has its columns in a manifest.
            parameters: shell(`
              test ! -e in/state.json
              tail -n +2 in/tables/rows.csv > out/tables/rows.csv
              cp in/files/*_rates.txt out/files/
            `),
          },
        ],
        after: [
          {
            definition: { component: 'test.after' },
            parameters: shell(`
              test ! -e in/state.json; test ! -e out/state.json; test -e in/usage.json
              echo '{"mark": 99}' > out/state.json
              echo '{"variables": {"PLACE": "Brno", "COUNT": 2}}' > out/result.json
              cp in/tables/twice.csv out/tables/
              echo '{"columns": ["id", "text"]}' > out/tables/twice.csv.manifest
              cp in/files/* out/files/
            `),
          },
        ],
      },
    };
    await site.ask(['config', 'set', 'test.main', '12', '-'], { input: JSON.stringify(configuration) });
  }

  test('runs in order, and leaves tables, files, state, usage and variables (facts 50, 53)', async () => {
    const site = await tenant.site();
    await chain(site);
    const { result, code, lines } = await site.job({ component: 'test.main', config: '12' });
    expect(result).toMatchObject({
      outcome: 'success',
      outputVariables: { PLACE: 'Brno', COUNT: '2' },
      usage: [{ metric: 'API calls', value: 150 }],
      output: { tables: [{ id: 'out.c-e2e.twice', importedRows: 10 }], files: [{ name: 'note.txt' }] },
    });
    expect(code).toBe(0);
    expect(result.images[0].map(({ id }: { id: string }) => id)).toEqual(Array(3).fill('test/shell:1'));
    const image = { name: 'docker.io/test/shell:1', digest: expect.stringMatching(/^sha256:[a-f0-9]{64}$/) };
    expect(result.images[0]).toMatchObject(Array(3).fill(image));
    const shown = await site.ask(['show', result.job]);
    expect(shown.stages).toMatchObject(Array(3).fill({ image }));
    const order = lines.filter(({ type, status }) => type === 'stage' && status === 'finished');
    expect(order.map(({ component }) => component)).toEqual(['test.before', 'test.main', 'test.after']);
    const stored = await site.ask(['config', 'show', 'test.main', '12']);
    expect(stored.state).toMatchObject({ component: { mark: 1 } });
    const { files } = await site.ask(['storage', 'ls']);
    const tagsOf = (name: string): string[] => files.find((file: Line) => file.name === name).tags;
    expect(tagsOf('note.txt')).toEqual(
      expect.arrayContaining(['noted', 'componentId: test.main', 'configurationId: 12', `runId: ${result.job}`]),
    );
    expect(tagsOf('rates.txt')).toEqual(['rates', 'seen']);
  });

  test('exports the table equal to the byte, and a second run finds the state of the first', async () => {
    const site = await tenant.site();
    await chain(site);
    for (const mark of [1, 2]) {
      expect((await site.job({ component: 'test.main', config: '12' })).result.outcome).toBe('success');
      const { state } = await site.ask(['config', 'show', 'test.main', '12']);
      expect(state).toMatchObject({ component: { mark } });
    }
    const rows = ['"1","a ""quoted"" one"', '"2","two\nlines"', '"3","žluťoučký kůň 🐎"', '"007","NULL"', '"5",""'];
    const exported = (await site.table('out.c-e2e.twice')).trimEnd();
    const [header, ...values] = exported.split(/\n(?=")/);
    expect(header).toBe('"id","text"');
    expect(values.sort()).toEqual([...rows, ...rows].sort());
  });

  test('leaves the state as it was when the processor after the component fails (fact 54)', async () => {
    const site = await tenant.site();
    for (const id of ['test.main', 'test.after']) await site.define(id);
    const configuration = (after: string): string =>
      JSON.stringify({
        parameters: shell(`echo '{"kept": ${after === 'exit 1' ? 2 : 1}}' > out/state.json`),
        processors: { after: [{ definition: { component: 'test.after' }, parameters: shell(after) }] },
      });
    for (const [after, code] of [['true', 0] as const, ['exit 1', 1] as const]) {
      await site.ask(['config', 'set', 'test.main', '1', '-'], { input: configuration(after) });
      expect((await site.job({ component: 'test.main', config: '1' })).code).toBe(code);
    }
    const { state } = await site.ask(['config', 'show', 'test.main', '1']);
    expect(state).toMatchObject({ component: { kept: 1 } });
  });

  test('clears the state when the component writes none (fact 59)', async () => {
    const site = await withMain();
    for (const script of [`echo '{"a": 1}' > out/state.json`, 'true']) {
      await site.ask(['config', 'set', 'test.main', '1', '-'], {
        input: JSON.stringify({ parameters: shell(script) }),
      });
      expect((await site.job({ component: 'test.main', config: '1' })).code).toBe(0);
    }
    const { state } = await site.ask(['config', 'show', 'test.main', '1']);
    expect(state.component).toEqual([]);
  });
});

describe('rows', () => {
  async function withRows(site: Site): Promise<void> {
    const input = JSON.stringify({
      configuration: {
        parameters: shell('cat config.json > out/files/$KBC_CONFIGROWID; echo "{\\"r\\": 1}" > out/state.json', {
          db: { host: 'h', tags: ['a', 'b'] },
        }),
      },
      rows: [
        { id: 'r1', configuration: { parameters: { db: { port: 1, tags: ['z'] } } } },
        { id: 'r2', isDisabled: true, configuration: {} },
        { id: 'r3', configuration: { parameters: { db: 'none' } } },
      ],
    });
    await site.ask(['config', 'set', 'test.main', 'rows', '-'], { input });
  }

  async function fileOf(site: Site, result: Line, name: string): Promise<Line> {
    const { id } = result.output.files.find((file: Line) => file.name === name);
    return JSON.parse((await site.run(['storage', 'export', '--file', String(id)])).stdout) as Line;
  }

  test('run in order with lists merged by index; a disabled one is skipped; each keeps its own state (facts 65, 66)', async () => {
    const site = await withMain();
    await withRows(site);
    const { result } = await site.job({ component: 'test.main', config: 'rows' });
    expect(result.output.files.map(({ name }: Line) => name)).toEqual(['r1', 'r3']);
    expect((await fileOf(site, result, 'r1')).parameters.db).toEqual({ host: 'h', tags: ['z', 'b'], port: 1 });
    expect((await fileOf(site, result, 'r3')).parameters.db).toBe('none');
    const { rows } = await site.ask(['config', 'show', 'test.main', 'rows']);
    expect(rows.map(({ state }: Line) => state.component)).toEqual([{ r: 1 }, undefined, { r: 1 }]);
  });

  test('named with --row run although they are disabled (fact 66)', async () => {
    const site = await withMain();
    await withRows(site);
    const ran = await site.run(['--json', 'run', 'test.main', '--config', 'rows', '--row', 'r2']);
    const result = ran.lines.at(-1);
    expect(result?.output.files.map(({ name }: Line) => name)).toEqual(['r2']);
  });

  test('succeed without running anything when all are disabled (fact 67)', async () => {
    const site = await withMain();
    const input = JSON.stringify({ configuration: {}, rows: [{ id: 'a', isDisabled: true, configuration: {} }] });
    await site.ask(['config', 'set', 'test.main', 'off', '-'], { input });
    const { result, code } = await site.job({ component: 'test.main', config: 'off' });
    expect({ code, stages: result.stages }).toEqual({ code: 0, stages: [] });
  });

  test('all lose their outputs and states when a later one fails (fact 64)', async () => {
    const site = await withMain({ default_bucket: true });
    const input = JSON.stringify({
      configuration: { parameters: shell('echo "a\n1" > out/tables/t.csv; echo "{\\"s\\":1}" > out/state.json') },
      rows: [
        { id: 'good', configuration: {} },
        { id: 'bad', configuration: { parameters: shell('exit 1') } },
      ],
    });
    await site.ask(['config', 'set', 'test.main', 'two', '-'], { input });
    expect((await site.job({ component: 'test.main', config: 'two' })).code).toBe(1);
    expect((await site.ask(['storage', 'ls'])).tables).toEqual([]);
    const { rows } = await site.ask(['config', 'show', 'test.main', 'two']);
    expect(rows.map(({ state }: Line) => state)).toEqual([{}, {}]);
  });
});

describe('what a component finds', () => {
  test('is its configuration to the byte: numbers, empty objects and lists as they were written (fact 43)', async () => {
    const site = await withMain();
    const odd =
      '{"float":1.0,"big":12345678901234567890,"object":{},"list":[],"nested":{"a":[{}]},"text":"\\u00e9\\/"}';
    const script = Buffer.from('cat config.json').toString('base64');
    const body = `{"component":"test.main","configData":{"parameters":{"script":"${script}","odd":${odd}},"runtime":{"x":1}}}`;
    const ran = await site.run(['--json', 'run', '-'], { input: body });
    const config = printed(ran.lines);
    const squeezed = config.replace(/\s+/g, '');
    for (const part of ['"float":1.0,', '"big":12345678901234567890', '"object":{}', '"list":[]', '{"a":[{}]}']) {
      expect(squeezed).toContain(part);
    }
    const { parameters: _, ...rest } = JSON.parse(config);
    expect(rest).toEqual({
      storage: {},
      image_parameters: {},
      authorization: {},
      action: 'run',
      shared_code_row_ids: [],
    });
    expect(JSON.parse(config).parameters.odd.text).toBe('é/');
  });

  test('is an environment verbatim, without token and project name (facts 5, 39)', async () => {
    const site = await tenant.site();
    const odd = 'Příliš "žluťoučký" $HOME `id` \\ = kůň';
    await tenantImage(site, 'test/env:1', { Env: ['PATH=/bin', `ODD=${odd}`] });
    await site.define('test.main', { definition: { type: 'dockerhub', uri: 'test/env', tag: '1' } });
    const { lines, result } = await site.script('env');
    const env = Object.fromEntries(
      printed(lines)
        .split('\n')
        .map((line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)]),
    );
    expect(env).toMatchObject({
      ODD: odd,
      KBC_DATADIR: '/data/',
      KBC_RUNID: result.job,
      KBC_COMPONENTID: 'test.main',
      KBC_CONFIGVERSION: '',
      KBC_COMPONENT_RUN_MODE: 'run',
    });
    expect(env.KBC_CONFIGID).toMatch(/^[0-9a-f]{40}$/);
    for (const name of ['KBC_TOKEN', 'KBC_URL', 'KBC_TOKENID', 'KBC_PROJECTNAME', 'KBC_CONFIGROWID']) {
      expect(env).not.toHaveProperty(name);
    }
  });

  test('is a token when it is forwarded, hidden in its output and revoked afterwards (facts 33, 40)', async () => {
    const site = await withMain({ forward_token: true });
    const tokens = (): number => {
      using catalogue = new DatabaseSync(join(site.project, 'catalogue.sqlite'), { readOnly: true });
      return Number(catalogue.prepare('SELECT count(*) AS n FROM tokens').get()?.n);
    };
    const before = tokens();
    const { lines, result, stdout } = await site.script(`
      test -n "$KBC_URL"
      echo "token $KBC_TOKEN"
      test \${#KBC_TOKEN} -gt 8 && echo "long enough"
      env | grep -c KBC_TOKENID || true
      echo "$KBC_TOKEN" | rev > out/files/backwards
    `);
    expect(result.outcome).toBe('success');
    expect(printed(lines)).toBe('token [hidden]\nlong enough\n0\n');
    const { id } = result.output.files[0];
    const token = [...(await site.run(['storage', 'export', '--file', String(id)])).stdout.trim()].reverse().join('');
    expect(stdout).not.toContain(token);
    expect(tokens()).toBe(before);
    expect(await filesWith(site.stateDir, token)).toEqual([]);
  });

  test('is the user 1000 with no other group, and folders that belong to it (fact 21)', async () => {
    const site = await withMain();
    const { lines } = await site.script(
      'id -u; id -g; id -G; stat -c "%u:%g %a" /data /data/out/tables /data/in/user /tmp',
    );
    expect(printed(lines)).toBe('1000\n1000\n1000\n1000:1000 755\n1000:1000 755\n1000:1000 755\n1000:1000 755\n');
  });

  test('is a new /tmp in every stage, and an empty out (fact 57)', async () => {
    const site = await withMain();
    await site.define('test.after');
    const { result, lines } = await site.script(
      'echo x > /tmp/mine; mkdir /tmp/d; echo x > out/stray; rm -r in out/files',
      {
        processors: {
          after: [
            {
              definition: { component: 'test.after' },
              parameters: shell('ls -A /tmp; find in out | sort'),
            },
          ],
        },
      },
    );
    expect(result.outcome).toBe('success');
    expect(printed(lines, 1)).toBe(
      ['in', 'in/files', 'in/stray', 'in/tables', 'in/user', 'out', 'out/files', 'out/tables', ''].join('\n'),
    );
  });

  test('are its own secrets in plain text, and its own image parameters in a processor (facts 48, 51)', async () => {
    const site = await withMain({ image_parameters: { endpoint: 'https://main', '#key': 'main-image-secret' } });
    await site.define('test.after', { image_parameters: { '#key': 'processor-image-secret' } });
    // Bytes backwards, so that redaction does not see them.
    const look = 'sed -n "/\\"#/p" config.json | sort | rev';
    const { lines } = await site.script(look, {
      parameters: shell(look, { '#mine': 'my-own-secret' }),
      processors: {
        after: [{ definition: { component: 'test.after' }, parameters: shell(look, { '#its': 'its-own-secret' }) }],
      },
    });
    const seen = (stage: number): string => [...printed(lines, stage)].reverse().join('');
    expect(seen(0)).toMatch(/"#key": "main-image-secret"/);
    expect(seen(0)).toMatch(/"#mine": "my-own-secret"/);
    expect(seen(1)).toMatch(/"#key": "processor-image-secret"/);
    expect(seen(1)).toMatch(/"#its": "its-own-secret"/);
    expect(seen(1)).not.toContain('main-image-secret');
  });
});

describe('secrets', () => {
  const secret = 'p@ss "wörd"/1';

  test('are hidden in all their forms, also split across writes, and lie nowhere in plain text (fact 30)', async () => {
    const site = await withMain();
    const encoded = Buffer.from(secret).toString('base64');
    // As JavaScript, Python and PHP write it.
    const escaped = JSON.stringify(secret);
    const ascii = escaped.replace('ö', '\\u00f6');
    const forms = [escaped, ascii, ascii.replace('/', '\\/')];
    const script = `
      cat > /tmp/plain <<'end'
${secret}
end
      s=$(cat /tmp/plain)
      echo "plain $s."
      echo "base64 ${encoded}."
      cat <<'end'
json ${forms.join('. json ')}.
end
      printf '%s' "$s" | head -c 6; usleep 60000; printf '%s' "$s" | tail -c +7; echo " split"
      echo "error $s" >&2
      exit 1
    `;
    const { result, lines, stdout, stderr } = await site.job({
      component: 'test.main',
      configData: { parameters: { ...shell(script), '#password': secret } },
    });
    const out = printed(lines);
    expect(out).toContain('plain [hidden].\n');
    expect(out).toContain('base64 [hidden].\n');
    expect(out).toMatch(/^json "?\[hidden\]"?\. json "?\[hidden\]"?\. json "?\[hidden\]"?\.$/m);
    expect(out).toContain('[hidden] split\n');
    expect(result).toMatchObject({ outcome: 'user_error', message: 'error [hidden]' });
    for (const text of [secret, encoded, ...forms]) {
      expect(stdout).not.toContain(text);
      expect(stderr).not.toContain(text);
      expect(await filesWith(site.stateDir, text)).toEqual([]);
      expect(await filesWith(site.project, text)).toEqual([]);
    }
  });

  test('of a new state are encrypted in Storage and plain in the next run (fact 60)', async () => {
    const site = await withMain();
    const script = `rev in/state.json; echo '{"#cursor": "cursor-secret-77"}' > out/state.json`;
    await site.ask(['config', 'set', 'test.main', '1', '-'], { input: JSON.stringify({ parameters: shell(script) }) });
    await site.job({ component: 'test.main', config: '1' });
    const { state } = await site.ask(['config', 'show', 'test.main', '1']);
    expect(state.component['#cursor']).toMatch(/^KBC::ProjectSecure/);
    const { lines } = await site.job({ component: 'test.main', config: '1' });
    expect([...printed(lines)].reverse().join('')).toContain('"cursor-secret-77"');
    expect(await filesWith(site.project, 'cursor-secret-77')).toEqual([]);
  });
});

describe('images and definitions', () => {
  test('YAML is the format of configuration, state and manifests when the definition says so', async () => {
    const site = await withMain({ configuration_format: 'yaml', default_bucket: true });
    await site.ask(['storage', 'import', 'in.c-e2e.t', await site.file('t.csv', 'a\n1\n')]);
    const script = `
      test ! -e config.json; test -e in/tables/t.csv.manifest; cat in/state.yml
      grep -q '^id: in.c-e2e.t$' in/tables/t.csv.manifest
      echo 1 > out/tables/t.csv
      printf 'columns:\\n  - b\\nprimary_key: [b]\\n' > out/tables/t.csv.manifest
      echo 'seen: {deep: "007"}' > out/state.yml
    `;
    const configuration = {
      parameters: shell(script),
      storage: { input: { tables: [{ source: 'in.c-e2e.t', destination: 't.csv' }] } },
    };
    await site.ask(['config', 'set', 'test.main', '5', '-'], { input: JSON.stringify(configuration) });
    const first = await site.job({ component: 'test.main', config: '5' });
    expect(first.result.outcome).toBe('success');
    expect(printed(first.lines).trim()).toBe('{}');
    const second = await site.job({ component: 'test.main', config: '5' });
    expect(printed(second.lines)).toContain('deep: "007"');
    expect(await site.table('in.c-test-main-5.t')).toBe('"b"\n"1"\n');
  });

  test('the root feature runs as the image says, and what it wrote can be taken although its mode is 000 (fact 110)', async () => {
    const site = await withMain({ features: ['container-root-user'] });
    const script = 'id -u; mkdir out/d; echo mine > out/files/f; chmod 000 out/files/f; chmod 000 out/files';
    const { lines, result } = await site.script(script);
    expect(printed(lines)).toBe('0\n');
    const { id } = result.output.files[0];
    expect((await site.run(['storage', 'export', '--file', String(id)])).stdout).toBe('mine\n');
  });

  test('staging "none" takes nothing in, runs no processor and takes nothing out', async () => {
    const site = await withMain({ staging_storage: { input: 'none', output: 'none' } });
    await site.define('test.after');
    const { result, lines } = await site.script('ls in/tables in/files; echo x > out/files/f; echo ran', {
      storage: { input: { tables: [{ source: 'in.c-no.such', destination: 'x' }] } },
      processors: { after: [{ definition: { component: 'test.after' }, parameters: shell('echo never') }] },
    });
    expect(result).toMatchObject({ outcome: 'success', output: { files: [] } });
    expect(result.images[0]).toHaveLength(1);
    expect(printed(lines, 0)).toContain('ran\n');
    expect(printed(lines, 1)).toBe('');
  });

  test('a working directory below /data/in is the one of its own stage', async () => {
    const site = await tenant.site();
    await site.define('test.before');
    await tenantImage(site, 'test/workdir:1', { WorkingDir: '/data/in/tables' });
    await site.define('test.main', { definition: { type: 'dockerhub', uri: 'test/workdir', tag: '1' } });
    const { result, lines } = await site.script('pwd; cat here.csv', {
      processors: {
        before: [{ definition: { component: 'test.before' }, parameters: shell('echo found > out/tables/here.csv') }],
      },
    });
    expect(result.outcome).toBe('success');
    expect(printed(lines, 1)).toBe('/data/in/tables\nfound\n');
  });

  test('an image from scratch without /etc, /tmp and /data runs, by its user number', async () => {
    const site = await tenant.site();
    const archive = await build(site.folder, {
      name: 'test/scratch:1',
      layers: [scratchLayer()],
      config: {
        Entrypoint: ['/busybox', 'sh', '-c', 'echo "$MATTERS $(/busybox id -u)"; /busybox ls -d /tmp /data'],
        Env: ['MATTERS=yes'],
        User: '4242',
      },
    });
    await site.ask(['image', 'import', archive]);
    for (const [features, user] of [[[], '1000'] as const, [['container-root-user'], '4242'] as const]) {
      await site.define('test.scratch', { features, definition: { type: 'dockerhub', uri: 'test/scratch', tag: '1' } });
      const { result, lines } = await site.job({ component: 'test.scratch', configData: {} });
      expect(result.outcome).toBe('success');
      expect(printed(lines)).toBe(`yes ${user}\n/data\n/tmp\n`);
    }
  });
});

/** A shell image whose configuration differs. */
async function tenantImage(site: Site, name: string, config: object): Promise<void> {
  const applets = ['sh', 'sed', 'head', 'base64', 'env', 'cat', 'pwd'];
  const archive = await build(site.folder, {
    name,
    layers: [
      {
        'bin/busybox': { file: '/bin/busybox', mode: 0o755 },
        ...Object.fromEntries(applets.map((applet) => [`bin/${applet}`, { symlink: 'busybox' }])),
        'entrypoint.sh':
          'exec /bin/sh -euc "$(/bin/sed -n \'s/.*"script": "\\([^"]*\\).*/\\1/p\' /data/config.json | /bin/base64 -d)"',
      },
    ],
    config: { Entrypoint: ['/bin/sh', '/entrypoint.sh'], Env: ['PATH=/bin'], ...config },
  });
  await site.ask(['image', 'import', archive]);
}
