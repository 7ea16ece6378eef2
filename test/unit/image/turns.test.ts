import { describe, expect, it } from 'vitest';
import { InfrastructureError } from '../../../src/base/errors.ts';
import { Transient, withRetries } from '../../../src/image/registry/transient.ts';
import { Turns } from '../../../src/image/turns.ts';

const never = new AbortController().signal;

describe('Turns', () => {
  it('lets holders of one key in one after another, and others at once', async () => {
    const turns = new Turns();
    const seen: string[] = [];
    const first = Promise.withResolvers<void>();
    const a = turns.run('k', never, async () => {
      seen.push('a');
      await first.promise;
      seen.push('a ends');
    });
    const b = turns.run('k', never, async () => seen.push('b'));
    await turns.run('other', never, async () => seen.push('other'));
    first.resolve();
    await Promise.all([a, b]);
    expect(seen).toEqual(['a', 'other', 'a ends', 'b']);
  });

  it('goes on after a failure and past someone who stopped waiting', async () => {
    const turns = new Turns();
    const gate = Promise.withResolvers<void>();
    const failing = turns.run('k', never, async () => {
      await gate.promise;
      throw new Error('broken');
    });
    const impatient = new AbortController();
    const waiting = turns.run('k', impatient.signal, async () => 'too early');
    const last = turns.run('k', never, async () => 'last');
    impatient.abort(new Error('enough'));
    await expect(waiting).rejects.toThrow('enough');
    gate.resolve();
    await expect(failing).rejects.toThrow('broken');
    await expect(last).resolves.toBe('last');
  });
});

describe('withRetries', () => {
  const bounds = { signal: never, budgetMs: 1000, attempts: 3, firstDelayMs: 1 };

  it('repeats what may pass, and only so often', async () => {
    let calls = 0;
    const flaky = async (): Promise<number> => {
      calls += 1;
      if (calls < 3) throw new Transient('later');
      return calls;
    };
    await expect(withRetries(bounds, flaky)).resolves.toBe(3);
    calls = -10;
    await expect(withRetries(bounds, flaky)).rejects.toThrow(Transient);
    expect(calls).toBe(-7);
  });

  it('never repeats anything else', async () => {
    let calls = 0;
    const broken = async (): Promise<void> => {
      calls += 1;
      throw new InfrastructureError('no');
    };
    await expect(withRetries(bounds, broken)).rejects.toThrow('no');
    expect(calls).toBe(1);
  });

  it('gives up at once when the server wants more patience than there is', async () => {
    const started = performance.now();
    const limited = async (): Promise<void> => {
      throw new Transient('busy', { retryAfterMs: 60_000 });
    };
    await expect(withRetries(bounds, limited)).rejects.toThrow('busy');
    expect(performance.now() - started).toBeLessThan(500);
  });

  it('ends a wait with the reason of the signal', async () => {
    const stop = new AbortController();
    const waiting = withRetries(
      { ...bounds, budgetMs: 60_000, firstDelayMs: 30_000, signal: stop.signal },
      async () => {
        throw new Transient('later');
      },
    );
    stop.abort(new Error('stopped'));
    await expect(waiting).rejects.toThrow('stopped');
  });
});
