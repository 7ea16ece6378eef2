import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { exclusively } from '../../../src/base/exclusive.ts';

const module = join(import.meta.dirname, '../../../src/base/exclusive.ts');

describe('exclusively', () => {
  test('of two at once one works, under another name both do, and afterwards the next one does', async () => {
    const name = `test ${process.pid}`;
    const release = Promise.withResolvers<string>();
    const first = exclusively(name, () => release.promise);
    expect(await exclusively(name, async () => 'second')).toBeUndefined();
    expect(await exclusively(`${name}.`, async () => 'other')).toBe('other');
    release.resolve('first');
    expect(await first).toBe('first');
    expect(await exclusively(name, async () => 'third')).toBe('third');
  });

  test('work that fails gives its turn back', async () => {
    const name = `failing ${process.pid}`;
    await expect(exclusively(name, () => Promise.reject(new Error('no')))).rejects.toThrow('no');
    expect(await exclusively(name, async () => 1)).toBe(1);
  });

  test('a process that is killed gives its turn back', async () => {
    const name = `killed ${process.pid}`;
    const code = `import { exclusively } from ${JSON.stringify(module)};
      await exclusively(${JSON.stringify(name)}, () => { console.log('working'); return new Promise((r) => setTimeout(r, 60000)); });`;
    const child = spawn(process.execPath, ['--input-type=module', '--eval', code], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    await once(child.stdout, 'data');
    expect(await exclusively(name, async () => 'mine')).toBeUndefined();
    child.kill('SIGKILL');
    await once(child, 'exit');
    expect(await exclusively(name, async () => 'mine')).toBe('mine');
  });
});
