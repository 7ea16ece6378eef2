import fc from 'fast-check';
import { expect, test } from 'vitest';
import { fromPlain, parseJson } from '../../../src/base/json.ts';
import { differences } from '../../../src/base/json-difference.ts';

test('differences name every place, and hide what is secret', () => {
  const before = parseJson(
    '{"a":1,"#s":"old","list":[1,{"x":true}],"gone":{"#p":"q","n":1},"same":{"k":[1.0]},"o":{}}',
  );
  const after = parseJson('{"a":1.0,"#s":"new","list":[1,{"x":false},"more"],"same":{"k":[1.0]},"o":[],"#new":"n"}');
  expect(
    JSON.parse(
      JSON.stringify(differences(before, after), (_, value) =>
        value instanceof Map ? Object.fromEntries(value) : value,
      ),
    ),
  ).toEqual([
    { path: 'a', kind: 'changed', before: 1, after: 1 },
    { path: '#s', kind: 'changed', before: '[hidden]', after: '[hidden]' },
    { path: 'list.1.x', kind: 'changed', before: true, after: false },
    { path: 'list.2', kind: 'added', after: 'more' },
    { path: 'gone', kind: 'removed', before: { '#p': '[hidden]', n: 1 } },
    { path: 'o', kind: 'changed', before: {}, after: [] },
    { path: '#new', kind: 'added', after: '[hidden]' },
  ]);
});

test('a document differs from itself in nothing, and from another somewhere', () => {
  fc.assert(
    fc.property(fc.jsonValue({ maxDepth: 4 }), fc.jsonValue({ maxDepth: 4 }), (one, other) => {
      const [left, right] = [fromPlain(one), fromPlain(other)];
      expect(differences(left, left)).toEqual([]);
      const isEqual = JSON.stringify(one, sorted) === JSON.stringify(other, sorted);
      expect(differences(left, right).length === 0).toBe(isEqual);
    }),
  );
});

function sorted(_: string, value: unknown): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
  return Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)));
}
