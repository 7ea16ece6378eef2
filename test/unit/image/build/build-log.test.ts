import { expect, test } from 'vitest';
import type { JobEvent } from '../../../../src/base/events.ts';
import { createBuildLog } from '../../../../src/image/build/build-log.ts';

function logOf(text: string, secrets: readonly string[] = []) {
  const events: JobEvent[] = [];
  const log = createBuildLog(secrets, { emit: (event) => void events.push(event), component: 'a.b' });
  log.take('stdout', Buffer.from(text), 0);
  log.end();
  return { log, events };
}

test('text between markers is found where it was printed, and not where a command quotes it', () => {
  const quoted = 'STEP 3/9: RUN x || (echo KBC::USER_ERR:Quoted.KBC::USER_ERR)';
  expect(logOf(quoted).log.userError()).toBeUndefined();
  expect(logOf(`${quoted}\nError: building at STEP "KBC::USER_ERR:a KBC::USER_ERR"`).log.userError()).toBeUndefined();
  expect(logOf(`${quoted}\nfatal: no\nKBC::USER_ERR:Said\nso. KBC::USER_ERR\n`).log.userError()).toBe('Said\nso.');
  expect(logOf('KBC::USER_ERR:unfinished').log.userError()).toBeUndefined();
});

test('secrets are hidden in events and in what is kept', () => {
  const { log, events } = logOf(`before\n${Buffer.from('s3cret-value').toString('base64')} s3cret-value\n`, [
    's3cret-value',
  ]);
  expect(events.map((event) => 'message' in event && event.message)).toEqual(['before', '[hidden] [hidden]']);
  expect(log.tail()).toBe('before\n[hidden] [hidden]');
});

test('of a flood the beginning is told and the end is kept', () => {
  const { log, events } = logOf(
    Array.from({ length: 200_000 }, (_, index) => `a line of a flood, number ${index}`).join('\n'),
  );
  expect(events.length).toBeLessThan(150_000);
  expect(events.at(-1)).toMatchObject({ message: '[the rest of this output is left out]' });
  expect(log.tail()).toMatch(/number 199999$/);
  expect(log.tail().length).toBeLessThanOrEqual(60_000);
});
