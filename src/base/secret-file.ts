import { constants } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { InfrastructureError } from './errors.ts';

const maxBytes = 64 * 1024;

/**
 * The secret in a file of the operator's, without the newline at its end: a regular file of at most 64 KiB that belongs to root or to this
 * process's user and that nobody else can read or write (0600, 0400). It is read anew each time, so that a secret can be replaced.
 * @throws InfrastructureError that names `what` the file is, the file, what is wrong with it and the way out
 */
export async function readSecretFile(path: string, what: string): Promise<string> {
  const { text } = await readOwnFile(path, { what, maxBytes, forbidden: 0o077 });
  const secret = text.replace(/\r?\n$/, '');
  if (secret !== '' && !secret.includes('\n') && !secret.includes('\0')) return secret;
  throw refusal(
    { what, path },
    secret === '' ? 'is empty' : 'holds more than one line',
    'Write the secret, and nothing else, into it.',
  );
}

export interface OwnFile {
  /** For messages: `the password file`. */
  readonly what: string;
  readonly maxBytes: number;
  /** Permissions that it must not have: 0o077 to keep a secret, 0o022 where it is enough that nobody else writes it. */
  readonly forbidden: number;
}

/** A file that only root or this process's user could write. @throws as {@link readSecretFile} does */
export async function readOwnFile(
  path: string,
  { what, maxBytes: limit, forbidden }: OwnFile,
): Promise<{ readonly text: string }> {
  const file = { what, path };
  await using handle: FileHandle = await open(path, constants.O_RDONLY | constants.O_NONBLOCK).catch(
    (error: NodeJS.ErrnoException) => {
      const why = error.code === 'ENOENT' ? 'is not there' : `cannot be opened (${error.code})`;
      throw refusal(file, why, 'Make the file, or name another one.', error);
    },
  );
  const info = await handle.stat();
  if (!info.isFile()) throw refusal(file, 'is not a regular file', 'Name a regular file.');
  const user = process.geteuid?.() ?? 0;
  if (info.uid !== 0 && info.uid !== user)
    throw refusal(file, `belongs to uid ${info.uid}`, `Run \`chown ${user} ${path}\` if it can be trusted.`);
  if ((info.mode & forbidden) !== 0) {
    const mode = (info.mode & 0o777).toString(8).padStart(4, '0');
    const others = forbidden === 0o077 ? 'read or written' : 'written';
    const hint =
      forbidden === 0o077
        ? `Run \`chmod 600 ${path}\`, and replace the secret if others had access.`
        : `Run \`chmod go-w ${path}\`.`;
    throw refusal(file, `can be ${others} by others (mode ${mode})`, hint);
  }
  if (info.size > limit) throw refusal(file, `is larger than ${limit} bytes`, 'Name the right file.');
  // What grows meanwhile is cut, and then not what it should be.
  const { buffer, bytesRead } = await handle.read(Buffer.alloc(limit), 0, limit, 0);
  return { text: buffer.toString('utf8', 0, bytesRead) };
}

function refusal(
  { what, path }: { readonly what: string; readonly path: string },
  problem: string,
  hint: string,
  cause?: Error,
): InfrastructureError {
  return new InfrastructureError(`${what} ${path} ${problem}`, {
    reason: 'credentials',
    hint,
    ...(cause && { cause }),
  });
}
