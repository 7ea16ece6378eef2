import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { UserError } from '../../../src/base/errors.ts';
import { parseGroup, parsePasswd } from '../../../src/image/passwd.ts';
import { userOf } from '../../../src/image/user.ts';

const passwd = `# comment
root:x:0:0:root:/root:/bin/sh

app:x:1000:1001:App:/home/app:/bin/sh
broken
big:x:4294967296:0::/:/bin/sh
1005:x:2000:2000::/odd:/bin/sh
nohome:x:1002:1002:::
`;
const group = `root:x:0:
wheel:x:10:root,app
app:x:1001:
docker:x:999:app,other
huge:x:99999999999:app
`;

const resolve = (user: string, accounts = { passwd, group }) =>
  userOf(
    { name: 'x', config: { entrypoint: [], cmd: [], env: [], workingDir: '/', user, stopSignal: 'SIGTERM' } },
    accounts,
  );

describe('userOf', () => {
  it.each([
    ['', { uid: 0, gid: 0, additionalGids: [0, 10], home: '/root' }],
    ['root', { uid: 0, gid: 0, additionalGids: [0, 10], home: '/root' }],
    ['app', { uid: 1000, gid: 1001, additionalGids: [1001, 10, 999], home: '/home/app' }],
    ['1000', { uid: 1000, gid: 1001, additionalGids: [1001, 10, 999], home: '/home/app' }],
    ['app:docker', { uid: 1000, gid: 999, additionalGids: [999, 10], home: '/home/app' }],
    ['app:5', { uid: 1000, gid: 5, additionalGids: [5, 10, 999], home: '/home/app' }],
    ['77:88', { uid: 77, gid: 88, additionalGids: [88] }],
    ['77', { uid: 77, gid: 0, additionalGids: [0] }],
    ['77:wheel', { uid: 77, gid: 10, additionalGids: [10] }],
    ['1005', { uid: 1005, gid: 0, additionalGids: [0] }],
    ['nohome', { uid: 1002, gid: 1002, additionalGids: [1002] }],
  ])('resolves %j', (user, expected) => {
    expect(resolve(user)).toEqual(expected);
  });

  it.each(['ghost', 'app:ghosts', '77:ghosts', 'big', '-1', 'a:b:c'])('refuses %s', (user) => {
    expect(() => resolve(user)).toThrow(UserError);
  });

  it('needs no files for numbers', () => {
    expect(resolve('5:6', { passwd: '', group: '' })).toEqual({ uid: 5, gid: 6, additionalGids: [6] });
  });

  it('refuses more groups than the kernel takes', () => {
    const many = Array.from({ length: 65_538 }, (_, gid) => `g${gid}:x:${gid}:root`).join('\n');
    expect(() => resolve('root', { passwd, group: many })).toThrow('65536');
  });
});

it('reads any account file without an id out of range', () => {
  const hostile = fc.string({ unit: fc.constantFrom('a', ':', '\n', '0', '9', '-', ',', 'x') });
  fc.assert(
    fc.property(hostile, (text) => {
      for (const { uid, gid } of parsePasswd(text))
        expect(Math.max(uid, gid) < 2 ** 31 && Math.min(uid, gid) >= 0).toBe(true);
      for (const { gid } of parseGroup(text)) expect(gid >= 0 && gid < 2 ** 31).toBe(true);
    }),
  );
});
