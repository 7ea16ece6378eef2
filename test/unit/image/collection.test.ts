import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { collectionRules, problemsOfCollection } from '../../../src/base/collection-settings.ts';
import { type Candidate, chooseImages } from '../../../src/image/collection/choose.ts';
import { jobsByImage } from '../../../src/image/collection/needs.ts';
import { isPinned } from '../../../src/image/collection/pins.ts';
import { bytesOf, keptBy, type Thing } from '../../../src/image/collection/stock.ts';

/** Things that keep some of those before them, and images that keep any: layers shared in every way. */
const stores = fc
  .array(fc.record({ bytes: fc.nat(1000), keeps: fc.array(fc.nat(), { maxLength: 3 }) }), {
    minLength: 1,
    maxLength: 12,
  })
  .chain((list) => {
    const things = new Map<string, Thing>(
      list.map(({ bytes, keeps }, index) => [
        `${index}`,
        { bytes, keeps: index === 0 ? [] : keeps.map((keep) => `${keep % index}`) },
      ]),
    );
    const key = fc.nat(list.length - 1).map(String);
    const image = fc.record({ key, lastUsedMs: fc.nat(10) });
    return fc.record({
      things: fc.constant(things),
      candidates: fc
        .array(image, { maxLength: 8 })
        .map((images): Candidate[] => images.map((each, index) => ({ ...each, name: `image${index}` }))),
      held: fc.array(key, { maxLength: 2 }),
      goal: fc.record({
        freeBytes: fc.nat(4000),
        unusedBeforeMs: fc.constantFrom(Number.NEGATIVE_INFINITY, 3, Number.POSITIVE_INFINITY),
      }),
    });
  });

/** What is on the disk when these candidates stay. */
function taken(things: ReadonlyMap<string, Thing>, staying: readonly Candidate[], held: readonly string[]): number {
  return bytesOf(things, keptBy(things, [...staying.map(({ key }) => key), ...held]));
}

describe('chooseImages', () => {
  it('frees what it says, enough if there is enough, the oldest first, and none for nothing', () => {
    fc.assert(
      fc.property(stores, ({ things, candidates, held, goal }) => {
        const { names, freedBytes } = chooseImages({ things }, candidates, { held, goal });
        const going = candidates.filter(({ name }) => names.includes(name));
        const staying = candidates.filter((each) => !going.includes(each));
        const before = taken(things, candidates, held);
        const freed = (without: readonly Candidate[]): number =>
          before -
          taken(
            things,
            candidates.filter((each) => !without.includes(each)),
            held,
          );
        expect(freedBytes).toBe(freed(going));
        expect(freedBytes).toBeGreaterThanOrEqual(Math.min(goal.freeBytes, freed(candidates)));
        expect(going.length).toBe(names.length);
        for (const each of staying) expect(each.lastUsedMs).toBeGreaterThanOrEqual(goal.unusedBeforeMs);
        for (const each of going.filter(({ lastUsedMs }) => lastUsedMs >= goal.unusedBeforeMs)) {
          expect(freed(going.filter((other) => other !== each))).toBeLessThan(Math.min(goal.freeBytes, freedBytes));
        }
        const ages = names.map((name) => candidates.find((each) => each.name === name)?.lastUsedMs ?? 0);
        expect(ages).toEqual(ages.toSorted((one, other) => one - other));
      }),
      { numRuns: 500 },
    );
  });

  it('removes no younger image as long as older ones do', () => {
    const things = new Map(['a', 'b', 'c'].map((key) => [key, { bytes: 10, keeps: [] }] as const));
    const candidates = ['c', 'a', 'b'].map((key, index) => ({ name: key, key, lastUsedMs: index }));
    const choose = (freeBytes: number) =>
      chooseImages({ things }, candidates, { held: [], goal: { freeBytes, unusedBeforeMs: Number.NEGATIVE_INFINITY } });
    expect(choose(0)).toEqual({ names: [], freedBytes: 0 });
    expect(choose(10)).toEqual({ names: ['c'], freedBytes: 10 });
    expect(choose(11)).toEqual({ names: ['c', 'a'], freedBytes: 20 });
    expect(choose(999)).toEqual({ names: ['c', 'a', 'b'], freedBytes: 30 });
  });
});

describe('a pin', () => {
  it.each([
    ['busybox', 'docker.io/library/busybox:latest', true],
    ['busybox:latest', 'docker.io/library/busybox:latest', true],
    ['busybox:1', 'docker.io/library/busybox:latest', false],
    ['docker.io/library/busybox', 'docker.io/library/busybox:latest', true],
    ['acme/*', 'docker.io/acme/ex-weather:1', true],
    ['acme/*:1', 'docker.io/acme/ex-weather:1', true],
    ['acme/*:1', 'docker.io/acme/ex-weather:2', false],
    ['quay.io/*', 'quay.io/acme/x:1', false],
    ['quay.io/**', 'quay.io/acme/x:1', true],
    ['quay.io/acme/x', `quay.io/acme/x@sha256:${'a'.repeat(64)}`, true],
    ['127.0.0.1:5000/x', '127.0.0.1:5000/x:1', true],
    ['quay.io/a.c', 'quay.io/abc:1', false],
    ['**', 'anything/at:all', true],
    ['*', 'docker.io/library/busybox:latest', true],
    ['*', 'quay.io/acme/x:1', false],
  ])('%s on %s: %s', (pin, name, expected) => {
    expect(isPinned(name, [pin])).toBe(expected);
  });
});

describe('the rules of collection', () => {
  it('are read from settings, with defaults for what they do not say', () => {
    expect(collectionRules()).toMatchObject({
      ceiling: undefined,
      minFree: undefined,
      minimumAgeMs: 600_000,
      pins: [],
    });
    expect(collectionRules({ ceiling: '10g', minFree: '500m', unusedFor: '30d', minimumAge: '0m' })).toMatchObject({
      ceiling: 10 * 2 ** 30,
      floor: 8 * 2 ** 30,
      minFree: 500 * 2 ** 20,
      unusedForMs: 30 * 86_400_000,
      minimumAgeMs: 0,
    });
  });

  it.each([
    [{ ceiling: '10g', floor: '8g', pins: ['a/*'], imported: true }, []],
    [{ ceiling: 10 }, ['x.ceiling']],
    [
      { ceiling: '0g', unusedFor: '3 weeks', pins: 'all', imported: 'no' },
      ['x.ceiling', 'x.unusedFor', 'x.pins', 'x.imported'],
    ],
    [{ cieling: '1g' }, ['x.cieling']],
    [{ floor: '8g' }, ['x.floor']],
    [{ ceiling: '8g', floor: '9g' }, ['x.floor']],
    ['yes', ['x']],
  ])('%j is wrong at %j', (settings, paths) => {
    expect(problemsOfCollection(settings, 'x').map(({ path }) => path)).toEqual(paths);
  });
});

it('a need counts for every name that its image may have here', () => {
  const digest = `sha256:${'a'.repeat(64)}`;
  const needs = [
    { reference: 'busybox', job: '2' },
    { reference: 'docker.io/library/busybox:latest', job: '1' },
    { reference: 'quay.io/a/b:1', digest, job: '3' },
    { reference: 'NOT a name', job: '4' },
  ];
  expect(Object.fromEntries(jobsByImage(needs))).toEqual({
    'docker.io/library/busybox:latest': ['1', '2'],
    'quay.io/a/b:1': ['3'],
    [`quay.io/a/b@${digest}`]: ['3'],
    'NOT a name': ['4'],
  });
});
