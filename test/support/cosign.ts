import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { isEverythingRequired } from './releases.ts';

const run = promisify(execFile);
const program = join(import.meta.dirname, '../../.cache/cosign/cosign');

/** Whether tests with it are to be left out, visibly: not where everything is required. */
export const isCosignMissing = !existsSync(program) && !isEverythingRequired;

/** Runs the real cosign, which `scripts/cosign` brings, in a folder; keys have an empty password, and nothing is sent to any log. */
export async function cosign(directory: string, ...args: readonly string[]): Promise<void> {
  if (!existsSync(program)) throw new Error('cosign is missing: run scripts/cosign');
  await run(program, args, { cwd: directory, env: { ...process.env, HOME: directory, COSIGN_PASSWORD: '' } });
}
