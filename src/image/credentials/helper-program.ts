import { spawn } from 'node:child_process';
import { constants } from 'node:fs';
import { access } from 'node:fs/promises';
import { isAbsolute, join } from 'node:path';
import { InfrastructureError } from '../../base/errors.ts';
import type { RegistrySecret } from '../types.ts';

export interface HelperPlace {
  /** `PATH`: where helpers are looked for; folders that are not absolute are passed over. */
  readonly searchPath: string;
  /** All that a helper is told of the environment. */
  readonly environment: Readonly<Record<string, string>>;
}

interface Ended {
  readonly code: number | null;
  readonly output: string;
}

const timeoutMs = 20_000;
const maxOutputBytes = 64 * 1024;
/** What helpers answer who keep nothing for the server (docker-credential-helpers, credentials/error.go). */
const notFound = /^credentials not found in native keychain\s*$/;

/**
 * Asks a Docker credential helper (`docker-credential-NAME get`) for a server's secret; nothing when it keeps none. It has 20 seconds.
 * @throws InfrastructureError that names the helper and says why, never what it printed as a secret; or the signal's reason
 */
export async function askHelper(
  name: string,
  server: string,
  { signal, ...place }: HelperPlace & { readonly signal: AbortSignal },
): Promise<RegistrySecret | undefined> {
  const program = await findHelper(name, place.searchPath);
  const { code, output } = await run(program, `${server}\n`, { signal, environment: place.environment });
  if (code === 0) return readAnswer(output, { name, server });
  if (notFound.test(output)) return undefined;
  throw failure(name, `ended with ${code === null ? 'a signal' : `code ${code}`} for ${server}${wordsOf(output)}`);
}

async function findHelper(name: string, searchPath: string): Promise<string> {
  if (!/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/.test(name))
    throw failure(
      JSON.stringify(name.slice(0, 70)),
      'is not a name: letters, digits, dots, dashes and underscores are allowed',
    );
  for (const folder of searchPath.split(':').filter(isAbsolute)) {
    const program = join(folder, `docker-credential-${name}`);
    const found = await access(program, constants.X_OK).then(
      () => true,
      () => false,
    );
    if (found) return program;
  }
  const hint = 'Install it in a folder of PATH, or take it out of the Docker configuration.';
  throw failure(name, `is not there: no docker-credential-${name} in PATH`, hint);
}

async function run(
  program: string,
  input: string,
  { signal, environment }: { readonly signal: AbortSignal; readonly environment: Readonly<Record<string, string>> },
): Promise<Ended> {
  signal.throwIfAborted();
  const { promise, resolve, reject } = Promise.withResolvers<Ended>();
  // A group of its own: what the helper started in its turn ends with it.
  const child = spawn(program, ['get'], {
    env: environment,
    cwd: '/',
    stdio: ['pipe', 'pipe', 'ignore'],
    detached: true,
  });
  const giveUp = (error: unknown): void => {
    reject(error);
    if (child.pid === undefined) return;
    try {
      process.kill(-child.pid, 'SIGKILL');
    } catch {
      child.kill('SIGKILL');
    }
  };
  const onAbort = (): void => giveUp(signal.reason);
  const name = program.replace(/^.*docker-credential-/, '');
  const timer = setTimeout(() => giveUp(failure(name, `did not answer within ${timeoutMs / 1000} s`)), timeoutMs);
  signal.addEventListener('abort', onAbort, { once: true });
  const chunks: Buffer[] = [];
  let size = 0;
  child.stdout.on('data', (chunk: Buffer) => {
    size += chunk.length;
    if (size > maxOutputBytes) giveUp(failure(name, `printed more than ${maxOutputBytes} bytes`));
    else chunks.push(chunk);
  });
  child.on('error', ({ code = 'unknown' }: NodeJS.ErrnoException) =>
    giveUp(failure(name, `cannot be started (${code})`)),
  );
  child.on('close', (code) => resolve({ code, output: Buffer.concat(chunks).toString() }));
  child.stdin.on('error', () => {});
  child.stdin.end(input);
  try {
    return await promise;
  } finally {
    clearTimeout(timer);
    signal.removeEventListener('abort', onAbort);
  }
}

function readAnswer(output: string, { name, server }: { name: string; server: string }): RegistrySecret | undefined {
  const { Username: username = '', Secret: secret = '' } = parse(output) ?? {};
  if (typeof username !== 'string' || typeof secret !== 'string' || parse(output) === undefined)
    throw failure(name, `answered for ${server} with something that is no credentials`);
  const origin = `the credentials that the helper ${name} has for ${server}`;
  if (secret === '') return undefined;
  return username === '<token>' || username === ''
    ? { kind: 'identity-token', token: secret, origin }
    : { kind: 'password', username, password: secret, origin };
}

function parse(output: string): { readonly Username?: unknown; readonly Secret?: unknown } | undefined {
  try {
    const answer: unknown = JSON.parse(output);
    return typeof answer === 'object' && answer !== null ? answer : undefined;
  } catch {
    return undefined;
  }
}

/** The protocol has the reason of a failure on standard output; what looks like an answer is none. */
function wordsOf(output: string): string {
  const line = (output.trim().split('\n')[0] ?? '').replace(/[^\x20-\x7e]/g, ' ').slice(0, 200);
  return line === '' || /[{}"]|secret/i.test(line) ? '' : `: ${line}`;
}

function failure(name: string, what: string, hint?: string): InfrastructureError {
  return new InfrastructureError(`the credential helper ${name} ${what}`, {
    reason: 'credentials',
    hint: hint ?? 'Try it as the user who runs componentd: echo REGISTRY | docker-credential-NAME get.',
  });
}
