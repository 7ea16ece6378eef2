import { counted } from '../base/counted.ts';
import { UsageError } from '../base/errors.ts';
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
      await images.export({ references, destination: process.stdout }, call);
      return;
    }
    const written = await replaceFile(output, (destination) => images.export({ references, destination }, call));
    if (session.json) return printJson({ type: 'result', ...written, output });
    if (session.quiet) return;
    print(`wrote ${counted(written.images.length, 'image')}, ${formatBytes(written.bytes)}, to ${shown(output)}`);
  } finally {
    client.close();
  }
}
