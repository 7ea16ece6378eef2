import { describe, expect, it } from 'vitest';
import type { JobEvent } from '../../../src/base/events.ts';
import { ContainerdError } from '../../../src/containerd/errors.ts';
import { withRoom } from '../../../src/image/room.ts';

const full = new ContainerdError({
  code: 'UNKNOWN',
  method: 'Content.Write',
  details: 'write /x/data: no space left on device',
  address: '/x',
  answered: true,
});
const layer = { type: 'layer', image: 'x', digest: 'd', status: 'downloading', bytes: 1, total: 10 ** 9 } as const;

function tries(...outcomes: readonly unknown[]) {
  const events: JobEvent[] = [];
  const asked: number[] = [];
  const call = { emit: (event: JobEvent) => void events.push(event), signal: new AbortController().signal };
  const left = [...outcomes];
  const get = async ({ emit }: typeof call): Promise<unknown> => {
    emit(layer);
    const next = left.shift();
    if (next instanceof Error) throw next;
    return next;
  };
  const run = (makes: boolean) =>
    withRoom(
      call,
      async (bytes) => {
        asked.push(bytes);
        return makes;
      },
      get,
    );
  return { run, asked, events };
}

describe('withRoom', () => {
  it('asks for room when the disk is full, by what was on its way, and tries once more', async () => {
    const { run, asked, events } = tries(new Error('wrapped', { cause: full }), 'got');
    expect(await run(true)).toBe('got');
    expect(asked).toEqual([4 * 10 ** 9]);
    expect(events.filter(({ type }) => type === 'message')).toHaveLength(1);
  });

  it('says that there is no room when none could be made, or it was not enough', async () => {
    await expect(tries(full).run(false)).rejects.toMatchObject({ class: 'infrastructure', reason: 'disk_full' });
    await expect(tries(full, full).run(true)).rejects.toMatchObject({ reason: 'disk_full', cause: full });
  });

  it('leaves everything else as it is', async () => {
    const { run, asked } = tries(new Error('other'));
    await expect(run(true)).rejects.toThrow('other');
    await expect(tries(full, new Error('other')).run(true)).rejects.toThrow('other');
    expect(asked).toEqual([]);
  });
});
