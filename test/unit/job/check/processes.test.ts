import { expect, test } from 'vitest';
import { parseStatus } from '../../../../src/job/check/processes.ts';

function status(more: Readonly<Record<string, string>> = {}): string {
  const fields = {
    Name: 'sh',
    State: 'S (sleeping)',
    NSpid: '4711\t1',
    NSsid: '4711\t1',
    SigIgn: '0000000000000000',
    SigCgt: '0000000000000000',
    ...more,
  };
  return Object.entries(fields)
    .map(([name, value]) => `${name}:\t${value}\n`)
    .join('');
}

test('pid and session are those of the innermost namespace', () => {
  expect(parseStatus(status({ NSpid: '99\t7', NSsid: '99\t7' }))).toMatchObject({ name: 'sh', inner: 7, session: 7 });
});

test('SIGTERM is handled, ignored, or left to the kernel', () => {
  expect(parseStatus(status({ SigCgt: '0000000000004002' }))?.onSigterm).toBe('handled');
  expect(parseStatus(status({ SigIgn: '0000000000004000' }))?.onSigterm).toBe('ignored');
  expect(parseStatus(status({ SigCgt: '0000000000000002' }))?.onSigterm).toBe('default');
});

test('zombies, runtimes on their way in, and nothing at all are no processes', () => {
  expect(parseStatus(status({ State: 'Z (zombie)' }))).toBeUndefined();
  expect(parseStatus(status({ Name: 'runc:[2:INIT]' }))).toBeUndefined();
  expect(parseStatus('')).toBeUndefined();
});
