import { expect, test } from 'vitest';
import { isReplaced } from '../../../src/job/data-dir.ts';

test.each(['/data/in', '/data/out/', '/data/in/tables', '//data/in', '/data/./out', '/data//in/x'])(
  '%s lies in a folder that is replaced between stages',
  (path) => expect(isReplaced(path)).toBe(true),
);

test.each(['/', '/data', '/data/', '/data/input', '/in', '/data/artifacts', '/code/data/in'])('%s stays', (path) =>
  expect(isReplaced(path)).toBe(false),
);
