import { UserError } from '../base/errors.ts';
import { fanOut, type JobEvent } from '../base/events.ts';
import { isPullPolicy, pullPolicies } from '../base/image-settings.ts';
import type { Images } from '../image/images.ts';
import type { ImageRequest } from '../image/types.ts';
import { collectAfterwards, watchForImages } from './collect-afterwards.ts';
import { openContainerd, openImages } from './compose.ts';
import { print, printJson } from './output.ts';
import { createScreen } from './screen.ts';
import type { Session } from './session.ts';

interface PullOptions {
  readonly policy: string;
  readonly username?: string;
}

/** Makes an image ready to run, and prints its name and digest. */
export async function pullImage(reference: string, { policy, username }: PullOptions, session: Session): Promise<void> {
  if (!isPullPolicy(policy))
    throw new UserError(`"${policy}" is no policy`, { hint: `Choose ${pullPolicies.join(', ')}.` });
  const credentials = username === undefined ? undefined : { username, password: await readPassword() };
  await withImages(session, async ({ images, emit, tell }) => {
    const request: ImageRequest = { reference, policy, ...(credentials && { credentials }) };
    const { name, digest } = await images.ensure(request, { emit, signal: session.signal });
    await tell({ name, digest }, `${name}\n${digest}`);
  });
}

/** The password alone, as `aws ecr get-login-password` and the like print it. */
async function readPassword(): Promise<string> {
  const hint = 'Pipe it in: componentd image pull REFERENCE --username NAME < PASSWORD_FILE.';
  if (process.stdin.isTTY) throw new UserError('a password that is typed here would be seen', { hint });
  const { text } = await import('node:stream/consumers');
  const password = (await text(process.stdin)).replace(/\r?\n$/, '');
  if (password === '') throw new UserError('there is no password on standard input', { hint });
  return password;
}

/** Imports every image of an archive, and prints their names and digests. */
export async function importArchive(archive: string, name: string | undefined, session: Session): Promise<void> {
  if (archive === '-' && process.stdin.isTTY) {
    throw new UserError('standard input is a terminal, not an archive', { hint: 'Name a file, or pipe one in.' });
  }
  await withImages(session, async ({ images, emit, tell }) => {
    const source = archive === '-' ? process.stdin : archive;
    const request = { source, ...(name !== undefined && { name }) };
    const imported = await images.import(request, { emit, signal: session.signal });
    await tell({ images: imported }, imported.map((image) => `${image.name}\n${image.digest}`).join('\n'));
  });
}

interface AtImages {
  readonly images: Images;
  readonly emit: (event: JobEvent) => void;
  /** Prints a result, after every event so far. */
  tell(result: object, text: string): Promise<void>;
}

async function withImages(session: Session, work: (at: AtImages) => Promise<void>): Promise<void> {
  const { client } = await openContainerd(session.config);
  const screen = createScreen(session);
  const watched = watchForImages();
  const tell = async (result: object, text: string): Promise<void> => {
    await screen.close();
    if (session.json) printJson({ type: 'result', ...result });
    else print(text);
  };
  try {
    const emit = fanOut([screen.emit, watched.emit]);
    await work({ images: openImages(client, session.config), emit, tell });
    if (watched.came()) await collectAfterwards(client, session);
  } finally {
    await screen.close();
    client.close();
  }
}
