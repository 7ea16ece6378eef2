#!/usr/bin/env node
// Writes src/gen from proto/ and schemas/. With --check nothing is written: exit 1 and the names of the files that drifted.
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';
import { generateSchemas } from './generate/schemas.ts';
import { generateWire } from './generate/wire.ts';

const root = join(import.meta.dirname, '..');

/** Each source turns its input below the root into generated files: path below the root → content. */
const sources: readonly ((root: string) => Promise<ReadonlyMap<string, string>>)[] = [generateWire, generateSchemas];

const drifted: string[] = [];
for (const source of sources) {
  for (const [path, content] of await source(root)) {
    const file = join(root, path);
    if ((await readFile(file, 'utf8').catch(() => undefined)) === content) continue;
    drifted.push(relative(root, file));
    if (process.argv.includes('--check')) continue;
    await mkdir(dirname(file), { recursive: true });
    await writeFile(file, content);
  }
}

if (process.argv.includes('--check')) {
  if (drifted.length > 0) {
    process.stderr.write(`not what proto/ and schemas/ say, run "npm run generate":\n${drifted.join('\n')}\n`);
    process.exitCode = 1;
  }
} else {
  process.stdout.write(drifted.length === 0 ? 'nothing changed\n' : `written:\n${drifted.join('\n')}\n`);
}
