import { expect, test } from 'vitest';
import { textWidth } from '../../src/sinks/format.ts';
import { buildShell, shell } from '../support/components.ts';
import { inShell, inTerminal, type Shown, withoutCursor } from '../support/screen.ts';
import { mainDefined, type Site, useTenant } from '../support/site.ts';
import { openPlayground, prepareVerbs, type VerbCase, verbCases } from '../support/verbs.ts';

const tenant = useTenant(import.meta.filename);
const minutes = 5 * 60_000;
const controls = /[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]/;

/** Verbs as the program itself lists them: `run`, `storage import`. */
async function verbsOf(site: Site, below: readonly string[] = []): Promise<string[]> {
  const { stdout } = await site.run([...below, '--help']);
  const [, list] = /^Commands:\n((?: {2}.*\n)+)/m.exec(stdout) ?? [];
  if (list === undefined) return [below.join(' ')];
  const names = Array.from(list.matchAll(/^ {2}([a-z][\w-]*)/gm), ([, name = '']) => name).filter(
    (name) => name !== 'help',
  );
  const found: string[] = [];
  for (const name of names) found.push(...(await verbsOf(site, [...below, name])));
  return found;
}

/** Runs every case, prepared, and tells what `judge` finds wrong about it. */
async function everyCase(
  drive: (args: readonly string[], site: Site, verbCase: VerbCase) => Promise<Shown>,
  judge: (shown: Shown, verbCase: VerbCase) => readonly string[],
): Promise<readonly string[]> {
  const site = await tenant.site({ prepare: prepareVerbs });
  const playground = await openPlayground(site, await buildShell(tenant.folder));
  const wrong: string[] = [];
  for (const [verb, make] of Object.entries(verbCases(playground))) {
    const made = make();
    let created = '';
    for (const args of made.before ?? []) {
      const { stdout } = await site.run(['--json', ...args]);
      created = /"(?:id|token|file)":"?(\d+)/.exec(stdout)?.[1] ?? created;
    }
    const args = made.args.map((arg) => (arg === 'ID' ? created : arg));
    const shown = await drive(args, site, made);
    const complaints = [...judge(shown, made)];
    if (shown.code !== (made.code ?? 0)) complaints.push(`exit code ${shown.code}`);
    if (/^\s+at .*:\d+/m.test(shown.stdout + shown.stderr)) complaints.push('a stack trace');
    if (complaints.length > 0) wrong.push(`${verb}: ${complaints.join(', ')}\n${JSON.stringify(shown).slice(0, 600)}`);
  }
  return wrong;
}

test('every verb has a case, its help has an example, and an unknown flag is a wrong command line', {
  timeout: minutes,
}, async () => {
  const site = await tenant.site({ prepare: prepareVerbs });
  const cases = verbCases(await openPlayground(site, ''));
  const verbs = await verbsOf(site);
  expect(
    verbs.filter((verb) => !Object.hasOwn(cases, verb)),
    'verbs without a case in test/support/verbs.ts',
  ).toEqual([]);
  for (const verb of verbs) {
    const words = verb.split(' ');
    const help = await site.run([...words, '--help']);
    expect({ verb, ...help }).toMatchObject({
      code: 0,
      stderr: '',
      stdout: expect.stringMatching(/\nExamples?:\n {2}\S/),
    });
    expect(help.stdout.endsWith('\n')).toBe(true);
    expect(help.stdout.split(/^Examples?:$/m)[1], verb).toContain(`componentd ${verb} `.trimEnd());
    const unknown = await site.run([...(cases[verb]?.().args ?? words), '--nonsense']);
    expect({ verb, ...unknown }).toMatchObject({
      code: 64,
      stdout: '',
      stderr: expect.stringMatching(/^componentd: .*--nonsense/),
    });
  }
});

test('in a pipe there is text without any control, which ends with its line', { timeout: minutes }, async () => {
  const wrong = await everyCase(
    async (args, site) => await site.run(args),
    ({ stdout, stderr }, { raw }) => [
      ...(raw !== true && controls.test(stdout + stderr) ? ['controls'] : []),
      ...(stdout !== '' && !stdout.endsWith('\n') ? ['no end of line'] : []),
    ],
  );
  expect(wrong).toEqual([]);
});

test('with --json every line is an object', { timeout: minutes }, async () => {
  const wrong = await everyCase(
    async (args, site) => await site.run([...args, '--json']),
    ({ stdout }, { raw }) =>
      raw === true
        ? []
        : stdout
            .trimEnd()
            .split('\n')
            .filter((line) => !isObject(line)),
  );
  expect(wrong).toEqual([]);
});

function isObject(line: string): boolean {
  try {
    return /^\{.*\}$/.test(line) && typeof JSON.parse(line) === 'object';
  } catch {
    return false;
  }
}

test('on a narrow terminal there are colours and cursor movements besides text, and tables fit', {
  timeout: minutes,
}, async () => {
  const columns = 40;
  const wrong = await everyCase(
    async (args, site) => await inTerminal(args, { env: site.env, columns }),
    ({ stdout }, { raw, fits }) => {
      const text = withoutCursor(stdout);
      const long = fits === true ? text.split('\n').filter((line) => textWidth(line) > columns) : [];
      return [
        ...(raw !== true && controls.test(text) ? ['controls'] : []),
        ...(text !== '' && !text.endsWith('\n') ? ['no end of line'] : []),
        ...long.map((line) => `too long: ${line}`),
      ];
    },
  );
  expect(wrong).toEqual([]);
});

test('a terminal obeys nothing that a component printed or stored', { timeout: minutes }, async () => {
  const site = await tenant.site({ prepare: mainDefined });
  // CSI and OSC as escape sequences, as C1 controls in UTF-8 and as bare bytes; NEL, DEL, a bidirectional override.
  const nasty = String.raw`\033[2J\033]0;title\007 \302\23331m \302\205 \177 \342\200\256 end`;
  const script = `printf '${nasty} \\2332J\\n'; printf 'text\\n"${nasty}"\\n' > out/tables/nasty.csv`;
  const storage = { output: { tables: [{ source: 'nasty.csv', destination: 'out.c-e2e.nasty' }] } };
  const job = { component: 'test.main', configData: { parameters: shell(script), storage } };
  const run = `run ${await site.file('job.json', JSON.stringify(job))}`;
  const reading = ['logs latest', '--json logs latest', 'show latest', 'storage show out.c-e2e.nasty'];
  for (const command of [run, `--json ${run}`, ...reading, 'storage export out.c-e2e.nasty']) {
    for (const more of command === run ? [{}, { TERM: 'dumb' }] : [{}]) {
      const { code, stdout } = await inTerminal(command.split(' '), { env: { ...site.env, ...more } });
      expect({ code, controls: controls.exec(withoutCursor(stdout))?.[0] }, stdout).toEqual({ code: 0 });
    }
  }
  // Nothing is lost to whoever reads by a program.
  const { lines } = await site.run(['logs', 'latest', '--json']);
  expect(lines.map(({ message }) => message)).toContainEqual(expect.stringContaining('\u009b31m'));
  expect(await site.table('out.c-e2e.nasty')).toContain('\u009b31m');
});

test('without standard input, and with a reader that leaves early, nothing breaks', { timeout: minutes }, async () => {
  const wrong = await everyCase(
    async (args, site) => await inShell('"$@" <&- | head -n 1', args, site.env),
    ({ stderr }) => (/EPIPE|report/.test(stderr) ? ['complains'] : []),
  );
  expect(wrong).toEqual([]);
});
