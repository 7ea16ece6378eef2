import { UserError } from '../base/errors.ts';
import type { JobEvent } from '../base/events.ts';
import type { ImageRequest } from '../image/types.ts';
import type { Session, Verb } from './session.ts';

/** `image`: the images of the tenant's namespace. */
export const imageCommand: Verb = (program, session) => {
  const image = program.command('image').description('pull, import, list and remove images');

  image
    .command('pull <reference>')
    .description('make an image ready to run')
    .option('--policy <policy>', 'missing, always or never', 'always')
    .option('--username <name>', 'registry user; the password is read from standard input')
    .addHelpText('after', '\nExample:\n  componentd image pull quay.io/acme/ex-weather:1.2.0')
    .action((reference: string, options: PullOptions) => pull(reference, options, session()));

  image
    .command('import <archive>')
    .description('import an OCI or Docker archive; - for standard input')
    .option('--name <reference>', 'name of the image, when the archive has none or another one is wanted')
    .addHelpText('after', '\nExample:\n  componentd image import component.tar --name acme/ex-weather:dev')
    .action((archive: string, options: { readonly name?: string }) => importArchive(archive, options.name, session()));

  image
    .command('ls')
    .description('list the images')
    .addHelpText('after', '\nExample:\n  componentd image ls --json')
    .action(() => list(session()));

  image
    .command('rm <references...>')
    .description('remove images')
    .addHelpText('after', '\nExample:\n  componentd image rm acme/ex-weather:dev')
    .action((references: readonly string[]) => remove(references, session()));
};

interface PullOptions {
  readonly policy: string;
  readonly username?: string;
}

async function pull(reference: string, { policy, username }: PullOptions, session: Session): Promise<void> {
  if (policy !== 'missing' && policy !== 'always' && policy !== 'never') {
    throw new UserError(`"${policy}" is no policy`, { hint: 'Choose missing, always or never.' });
  }
  const { text } = await import('node:stream/consumers');
  const credentials =
    username === undefined ? undefined : { username, password: (await text(process.stdin)).replace(/\r?\n$/, '') };
  await withImages(session, async ({ images, emit, tell }) => {
    const request: ImageRequest = { reference, policy, ...(credentials && { credentials }) };
    const { name, digest } = await images.ensure(request, { emit, signal: session.signal });
    await tell({ name, digest }, `${name}\n${digest}`);
  });
}

async function importArchive(archive: string, name: string | undefined, session: Session): Promise<void> {
  await withImages(session, async ({ images, emit, tell }) => {
    const source = archive === '-' ? process.stdin : archive;
    const request = { source, ...(name !== undefined && { name }) };
    const imported = await images.import(request, { emit, signal: session.signal });
    await tell({ images: imported }, imported.map((image) => `${image.name}\n${image.digest}`).join('\n'));
  });
}

async function list(session: Session): Promise<void> {
  const { print, printJson, printTable } = await import('./output.ts');
  const { formatBytes } = await import('../sinks/format.ts');
  await withImages(session, async ({ images }) => {
    const found = await images.list();
    if (session.json) return printJson({ type: 'result', images: found });
    if (found.length === 0)
      return print('No images. Get one with `componentd image pull` or `componentd image import`.');
    printTable(
      ['NAME', 'DIGEST', 'SIZE', 'CREATED'],
      found.map(({ name, digest, bytes, createdAt }) => [
        name,
        digest.slice(0, 19),
        bytes === undefined ? '' : formatBytes(bytes),
        createdAt.slice(0, 19).replace('T', ' '),
      ]),
    );
  });
}

async function remove(references: readonly string[], session: Session): Promise<void> {
  await withImages(session, async ({ images, tell }) => {
    const missing: string[] = [];
    for (const reference of references) {
      if (await images.remove(reference)) await tell({ removed: reference }, `removed ${reference}`);
      else missing.push(reference);
    }
    if (missing.length > 0) {
      throw new UserError(`there is no image ${missing.join(', ')}`, { hint: 'See `componentd image ls`.' });
    }
  });
}

interface AtImages {
  readonly images: import('../image/images.ts').Images;
  readonly emit: (event: JobEvent) => void;
  /** Prints a result, after every event so far. */
  tell(result: object, text: string): Promise<void>;
}

async function withImages(session: Session, work: (at: AtImages) => Promise<void>): Promise<void> {
  const { openContainerd, openImages } = await import('./compose.ts');
  const { createScreen } = await import('./screen.ts');
  const { client } = await openContainerd(session.config);
  const { print, printJson } = await import('./output.ts');
  const screen = createScreen(session);
  const tell = async (result: object, text: string): Promise<void> => {
    await screen.close();
    if (session.json) printJson({ type: 'result', ...result });
    else print(text);
  };
  try {
    await work({ images: openImages(client, session.config), emit: screen.emit, tell });
  } finally {
    await screen.close();
    client.close();
  }
}
