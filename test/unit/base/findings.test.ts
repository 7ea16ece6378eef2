import { expect, test } from 'vitest';
import { InfrastructureError, throwProblems, UserError } from '../../../src/base/errors.ts';
import { Findings } from '../../../src/base/findings.ts';

const refuse = (path: string) => () => throwProblems('wrong', [{ path, message: 'is odd' }]);

test('every problem of every check is found once, and a single error stays what it is', async () => {
  const findings = new Findings();
  expect(await findings.check(async () => 7)).toBe(7);
  expect(() => findings.throw('all')).not.toThrow();
  expect(await findings.check(refuse('a'))).toBeUndefined();
  expect(() => findings.throw('all')).toThrow('wrong: a: is odd');
  await findings.check(refuse('a'));
  await findings.check(() => Promise.reject(new UserError('plain', { hint: 'mend it' })));
  expect(findings.problems).toEqual([
    { path: 'a', message: 'is odd' },
    { message: 'plain', hint: 'mend it' },
  ]);
  expect(() => findings.throw('all')).toThrow('all: a: is odd; plain (mend it)');
});

test('what the author cannot mend passes', async () => {
  const away = new InfrastructureError('away');
  await expect(new Findings().check(() => Promise.reject(away))).rejects.toBe(away);
});
