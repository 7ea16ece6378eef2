import { dirname, resolve } from 'node:path';
import type { Writable } from 'node:stream';
import { counted } from '../base/counted.ts';
import { UsageError, UserError } from '../base/errors.ts';
import { replaceFile } from '../base/replace-file.ts';
import { formatBytes } from '../sinks/format.ts';
import { openContainerd, openImages } from './compose.ts';
import { print, printJson, shown } from './output.ts';
import type { Session } from './session.ts';

/** `image export`. On standard output there is the archive and nothing else. */
export async function exportArchive(references: readonly string[], output: string, session: Session): Promise<void> {
  const isPiped = output === '-';
  if (isPiped && process.stdout.isTTY)
    throw new UsageError('an archive is nothing for a terminal', { hint: 'Name a file with -o, or pipe it on.' });
  const { client } = await openContainerd(session.config);
  const call = { emit: () => undefined, signal: session.signal };
  const images = openImages(client, session.config);
  try {
    if (isPiped) {
      await images.export({ references, destination: process.stdout }, call).catch((error: NodeJS.ErrnoException) => {
        // A reader that has seen enough, like head(1), is no failure.
        if (error.code !== 'EPIPE' && error.code !== 'ERR_STREAM_PREMATURE_CLOSE') throw error;
      });
      return;
    }
    const write = (destination: Writable) => images.export({ references, destination }, call);
    const written = await replaceFile(output, write).catch((error: NodeJS.ErrnoException) => {
      throw ['ENOENT', 'EISDIR'].includes(error.code ?? '') ? noPlace(output, error) : error;
    });
    if (session.json) return printJson({ type: 'result', ...written, output });
    if (session.quiet) return;
    print(`wrote ${counted(written.images.length, 'image')}, ${formatBytes(written.bytes)}, to ${shown(output)}`);
  } finally {
    client.close();
  }
}

function noPlace(output: string, cause: NodeJS.ErrnoException): UserError {
  const message = cause.code === 'EISDIR' ? `${output} is a folder` : `there is no folder ${dirname(resolve(output))}`;
  return new UserError(message, { cause, hint: 'Name a file in a folder that exists.' });
}
