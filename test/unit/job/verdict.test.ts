import { describe, expect, test } from 'vitest';
import { composeMessage, type Ended, truncate, verdict } from '../../../src/job/verdict.ts';

const ended = (more: Partial<Ended>): Ended => ({
  exitCode: 0,
  oomKills: 0,
  killedBy: undefined,
  image: 'acme/ex:1',
  container: '1-1--0-acme-ex',
  memoryText: '256M',
  timeoutSeconds: 60,
  noApplicationErrors: false,
  stdout: 'from stdout',
  stderr: 'from stderr',
  ...more,
});

describe('verdict', () => {
  test.each<[string, Partial<Ended>, string]>([
    ['exit 0 (fact 1)', {}, 'success'],
    ['exit 1 (facts 3 and 17)', { exitCode: 1 }, 'user_error'],
    ['exit 2 (fact 2)', { exitCode: 2 }, 'app_error'],
    ['exit 255 (fact 4)', { exitCode: 255 }, 'app_error'],
    ['exit 126', { exitCode: 126 }, 'app_error'],
    ['exit 143', { exitCode: 143 }, 'app_error'],
    ['exit 125 means nothing special', { exitCode: 125 }, 'app_error'],
    ['exit 137 without a kill of ours', { exitCode: 137 }, 'user_error'],
    ['exit 2 without application errors (fact 18)', { exitCode: 2, noApplicationErrors: true }, 'user_error'],
    ['out of memory (fact 9)', { exitCode: 137, oomKills: 1 }, 'oom'],
    ['out of memory on exit 0', { oomKills: 1 }, 'oom'],
    ['out of memory before a timeout', { exitCode: 137, oomKills: 1, killedBy: 'timeout' }, 'oom'],
    ['timeout (fact 6)', { exitCode: 137, killedBy: 'timeout' }, 'timeout'],
    ['timeout, and the component ends with 0', { killedBy: 'timeout' }, 'timeout'],
    ['too much output', { exitCode: 137, killedBy: 'quota' }, 'quota'],
    ['stopped', { exitCode: 143, killedBy: 'stop' }, 'cancelled'],
  ])('%s', (_, more, outcome) => {
    expect(verdict(ended(more)).outcome).toBe(outcome);
  });

  test('success has no message', () => {
    expect(verdict(ended({}))).toEqual({ outcome: 'success' });
  });

  test("exit 1 is told in the component's words only (fact 17)", () => {
    expect(verdict(ended({ exitCode: 1 })).message).toBe('from stderr');
  });

  test('exit 2 names image, container, code and what was said (fact 16)', () => {
    const { message } = verdict(ended({ exitCode: 2 }));
    for (const part of ['acme/ex:1', "'1-1--0-acme-ex'", '(2)', 'from stderr']) expect(message).toContain(part);
  });

  test('out of memory names the limit, a timeout its seconds (facts 6 and 9)', () => {
    expect(verdict(ended({ oomKills: 1 })).message).toContain('256M');
    expect(verdict(ended({ killedBy: 'timeout' })).message).toContain('60 seconds');
    expect(verdict(ended({ killedBy: 'timeout', timeoutSeconds: 1 })).message).toContain('1 second and');
  });

  test('a SIGKILL of somebody else is called that, and memory is not blamed', () => {
    const { message } = verdict(ended({ exitCode: 137 }));
    expect(message).toContain('SIGKILL');
    expect(message).not.toMatch(/memory/i);
    expect(verdict(ended({ exitCode: 137, stderr: 'x'.repeat(9000) })).message).toHaveLength(3_999);
  });
});

describe('composeMessage', () => {
  test.each([
    [' err \n', 'out', 'err'],
    ['', 'out\n', 'out'],
    [' \n', ' ', 'The component failed and printed no message.'],
  ])('of %j and %j is %j', (stderr, stdout, message) => {
    expect(composeMessage({ stdout, stderr })).toBe(message);
  });
});

describe('truncate', () => {
  test('1.8 MB become exactly 3,999 characters (fact 11)', () => {
    const text = truncate(`<${'x'.repeat(1_800_000)}>`);
    expect(text).toHaveLength(3_999);
    expect(text).toMatch(/^<x+ \.\.\. x+>$/);
  });

  test('4,000 characters stay, 4,001 do not', () => {
    expect(truncate('x'.repeat(4_000))).toHaveLength(4_000);
    expect(truncate('x'.repeat(4_001))).toHaveLength(3_999);
  });

  test('characters are counted, not code units', () => {
    expect(truncate('😀'.repeat(4_000))).toBe('😀'.repeat(4_000));
    expect(Array.from(truncate('😀'.repeat(4_001)))).toHaveLength(3_999);
  });
});
