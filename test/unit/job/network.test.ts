import { describe, expect, test } from 'vitest';
import { networkNotes, networkOf } from '../../../src/job/network.ts';

const fault = { message: 'there is no CNI plugin "ptp"', hint: 'Install the package containernetworking-plugins.' };

describe('the network of a component', () => {
  test.each([
    [undefined, 'compatible', {}, 'bridge'],
    [undefined, 'hardened', {}, 'none'],
    [undefined, 'compatible', { fault }, 'none'],
    ['none', 'compatible', { fault }, 'none'],
    ['bridge', 'hardened', {}, 'bridge'],
    ['no-internet', 'compatible', {}, 'no-internet'],
  ] as const)('that names %s under the %s policy with %j is %4$s', (network, policy, networking, expected) => {
    expect(networkOf({ id: 'a', ...(network && { network }) }, policy, networking)).toBe(expected);
  });

  test('that this node cannot give is refused with the way out', () => {
    expect(() => networkOf({ id: 'a.b', network: 'no-internet' }, 'compatible', { fault })).toThrow(
      expect.objectContaining({
        class: 'infrastructure',
        message: 'component a.b needs the network "no-internet": there is no CNI plugin "ptp"',
        hint: fault.hint,
      }),
    );
  });

  test('is told where it is not what the contract says', () => {
    const definitions = [{ id: 'silent' }, { id: 'says', network: 'none' }] as const;
    expect(networkNotes(definitions, 'compatible', {})).toEqual([]);
    expect(networkNotes(definitions, 'compatible', { fault })).toEqual([
      'component silent names no network and gets none, because there is no CNI plugin "ptp"; Install the package containernetworking-plugins.',
    ]);
    expect(networkNotes(definitions, 'hardened', {})).toEqual([
      'component silent names no network and gets none, by the hardened policy',
    ]);
  });
});
