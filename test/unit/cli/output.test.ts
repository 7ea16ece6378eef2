import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { type Problem, throwProblems, UserError } from '../../../src/base/errors.ts';
import { printError, printTable } from '../../../src/cli/output.ts';
import { describeResult } from '../../../src/cli/result-text.ts';
import type { Session } from '../../../src/cli/session.ts';
import type { JobResult } from '../../../src/job/types.ts';
import { safeJson } from '../../../src/sinks/format.ts';

const nasty = '\x1b]0;owned\x07a\x1b[2J\rb\x9b1m\u202e';
const dangerous = /[\x00-\x08\x0b-\x1f\x7f-\x9f\u202e]/;

let told: string[];
let printed: string[];
beforeEach(() => {
  told = [];
  printed = [];
  vi.spyOn(console, 'error').mockImplementation((line: string) => void told.push(line));
  vi.spyOn(console, 'log').mockImplementation((line: string) => void printed.push(line));
});
afterEach(() => vi.restoreAllMocks());

function thrownBy(work: () => void): UserError {
  try {
    work();
  } catch (error) {
    return error as UserError;
  }
  throw new Error('nothing was thrown');
}

describe('an error for people', () => {
  const one: Problem = { source: 'https://host: 80', path: 'a.b', message: 'is odd', hint: 'make it even' };
  const two: Problem = { source: 'other.json', message: 'is: empty' };

  test('lists several problems under what they are together, whatever colons there are', () => {
    printError(
      thrownBy(() => throwProblems('The file x: y is wrong', [one, two])),
      { json: false },
    );
    expect(told).toEqual([
      'componentd: The file x: y is wrong:',
      '  https://host: 80: a.b: is odd (make it even)',
      '  other.json: is: empty',
    ]);
  });

  test('says a single problem in its message only', () => {
    printError(
      thrownBy(() => throwProblems('It is wrong', [one])),
      { json: false },
    );
    expect(told).toEqual(['componentd: It is wrong: https://host: 80: a.b: is odd (make it even)']);
  });

  test('loses neither a message that is more than its problems nor a problem that the message leaves out', () => {
    printError(
      new UserError('in.c-a.b: no key\nin.c-a.c: no rows', {
        problems: [two, { message: 'in.c-a.b: no key' }],
        hint: 'Mend it.',
      }),
      {
        json: false,
      },
    );
    expect(told).toEqual([
      'componentd: in.c-a.b: no key\n  in.c-a.c: no rows',
      '  other.json: is: empty',
      '  Mend it.',
    ]);
  });

  test('has nothing a terminal obeys, while its JSON keeps every byte', () => {
    const problems = [
      { message: nasty, path: nasty },
      { message: `2${nasty}`, hint: nasty },
    ];
    printError(new UserError(nasty, { problems, hint: nasty }), { json: true });
    expect(told.length).toBeGreaterThan(2);
    expect(told.filter((line) => dangerous.test(line))).toEqual([]);
    expect(JSON.parse(printed[0] ?? '')).toMatchObject({ message: nasty, hint: nasty, problems });
  });
});

test('a table has one line a row and nothing a terminal obeys', () => {
  printTable(['A', nasty], [[`x\n${nasty}`, 'a\tb']]);
  expect(printed.join('').split('\n')).toHaveLength(2);
  expect(printed.join('')).not.toMatch(dangerous);
  expect(printed.join('')).not.toContain('\t');
});

test('JSON means the same, and no terminal obeys it', () => {
  const value = { [nasty]: `${nasty}\u2028\u0085` };
  const text = safeJson(JSON.stringify(value, undefined, 2));
  expect(JSON.parse(text)).toEqual(value);
  expect(text).not.toMatch(dangerous);
});

describe('the result of a job', () => {
  const session = { config: { stateDir: '/state' }, quiet: false } as Session;
  const output = {
    tables: [{ id: `out.c-x.${nasty}`, name: 'x', columns: [], importedRows: 1 }],
    files: [{ id: 1, name: `${nasty}\ncomponentd: all is well` }],
  };
  const done = {
    type: 'result',
    job: 'J1',
    outcome: 'success',
    exitCode: 0,
    message: `${nasty}\ncomponentd: job J1 went well`,
    durationMs: 5,
    warnings: [nasty],
    output,
  } as unknown as JobResult;

  test.each(['success', 'user-error'])(
    'of outcome %s has nothing a terminal obeys and no line that looks like ours',
    (outcome) => {
      const error = { type: 'user', exceptionId: 'e', problems: [{ message: nasty }] };
      describeResult(
        { ...done, outcome, ...(outcome === 'success' ? {} : { error }) } as unknown as JobResult,
        session,
      );
      const lines = [...told, ...printed];
      expect(lines.length).toBeGreaterThan(3);
      expect(lines.filter((line) => dangerous.test(line))).toEqual([]);
      const starts = lines.flatMap((line) => line.split('\n')).filter((line) => line.startsWith('componentd'));
      expect(starts).toHaveLength(outcome === 'success' ? 0 : 1);
    },
  );
});
