import { readFile, stat } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { classify, UsageError, UserError } from '../base/errors.ts';
import { memoryMegabytes, memoryPattern } from '../base/memory-text.ts';
import type { ImageSource } from '../image/borrow.ts';
import type { CheckWishes } from '../job/check/types.ts';
import type { Session, Verb } from './session.ts';

const help = `
Looks at an image and runs it a few times, without a network and as user 1000:1000: with empty inputs or copies of yours, with your
configuration or a minimal one, and once more to see how it takes SIGTERM. Needs neither a project nor a definition. What is pulled or
imported is removed again; an image that this node has already is used as it is, and stays.

Each check is ok, a warning, failed, or skipped where there was nothing to see. A component that needs parameters shows what it can do only
with --config.

Exit codes: 0 the contract is kept (warnings allowed) · 1 it is broken · 3 containerd, the registry or the disk is not there

Examples:
  componentd check-image acme/ex-weather:1.2.0
  componentd check-image component.tar --config config.json --data ./data
  docker save acme/ex-weather | componentd check-image - --memory 512m
  componentd check-image acme/proc-unzip:2 --processor --json`;

interface Options {
  readonly config?: string;
  readonly data?: string;
  readonly processor?: boolean;
  readonly timeout: string;
  readonly memory: string;
}

/** `check-image`: whether an image keeps the component contract. */
export const checkImageCommand: Verb = (program, session) => {
  program
    .command('check-image <image>')
    .description('find out whether an image keeps the component contract')
    .option('--config <file>', 'configuration, or config.json as components find it; else DIR/config.json')
    .option('--data <dir>', 'a folder like /data: a copy of its "in" is given to the component')
    .option('--processor', 'it is a processor: no state, no storage in its configuration')
    .option('--timeout <seconds>', 'how long one run may take', '60')
    .option('--memory <size>', 'memory limit as in a definition: 256m, 2g', '256m')
    .addHelpText('after', help)
    .action((image: string, options: Options) => checkImageAt(image, options, session()));
};

async function checkImageAt(image: string, options: Options, session: Session): Promise<void> {
  const asked = { ...limitsOf(options), ...(await documentsOf(options)), isProcessor: options.processor === true };
  const source = await sourceOf(image);
  const [{ openNode, createJobEngine, imagePlaceOf }, { borrowImage }, { Turns }, { sessionScreen }] =
    await Promise.all([
      import('./compose.ts'),
      import('../image/borrow.ts'),
      import('../image/turns.ts'),
      import('./check-screen.ts'),
    ]);
  const node = await openNode(session.config);
  const screen = sessionScreen(session);
  const { emit } = screen;
  const { signal, config } = session;
  const at = { ...imagePlaceOf(config), turns: new Turns(), emit, signal };
  try {
    await borrowImage(node.client, source, at, async (ready) => {
      await screen.begin(ready);
      const { checkBorrowed } = await import('./check-tools.ts');
      await checkBorrowed(ready, asked, { node, engine: createJobEngine(node, config), session, screen });
    });
    await screen.end();
  } catch (thrown) {
    const error = classify(thrown);
    if (error.reason !== 'image_platform' && error.reason !== 'image_invalid') throw thrown;
    const { tellUnusable } = await import('../job/check/check.ts');
    await screen.begin({ name: image, digest: '' });
    const hint =
      error.reason === 'image_platform'
        ? 'Build it for this platform, or for several: docker buildx build --platform linux/amd64,linux/arm64.'
        : 'Build the image anew with a current tool.';
    tellUnusable(error.message, hint, screen.tell);
    await screen.end();
  } finally {
    await screen.close();
    node.client.close();
  }
}

/** An archive by its name or its place, standard input, else a reference. */
async function sourceOf(image: string): Promise<ImageSource> {
  if (image === '-') return { archive: process.stdin, name: 'standard input' };
  const looksLikeFile = /\.(tar|tgz|tzst)$|\.tar\.[a-z0-9]+$/.test(image) || /^\.{0,2}\//.test(image);
  if (!looksLikeFile) return { reference: image };
  const found = await stat(image).catch((error: NodeJS.ErrnoException) => {
    throw new UserError(`the archive ${image} cannot be read: ${error.message}`, {
      cause: error,
      hint: 'Name an archive that `docker save` or a builder made, or a reference.',
    });
  });
  if (found.isFile() || found.isFIFO()) return { archive: image, name: basename(image) };
  throw new UserError(`${image} is not an archive`, { hint: 'Name a file that `docker save` or a builder made.' });
}

const longestTimeout = 86_400;

function limitsOf({ timeout, memory }: Options): Pick<CheckWishes, 'timeoutSeconds' | 'memory'> {
  const timeoutSeconds = Number(timeout);
  if (!/^\d{1,6}$/.test(timeout) || timeoutSeconds < 1 || timeoutSeconds > longestTimeout) {
    throw new UsageError(`--timeout ${timeout} is no number of seconds from 1 to ${longestTimeout}`, {
      hint: 'For example --timeout 120.',
    });
  }
  const megabytes = memoryPattern.test(memory) ? memoryMegabytes(memory) : 0;
  if (megabytes < 6) {
    throw new UsageError(`--memory ${memory} is no size of at least 6m`, { hint: 'For example --memory 512m, or 2g.' });
  }
  return { timeoutSeconds, memory: { bytes: megabytes * 2 ** 20, text: `${megabytes}M` } };
}

const maxConfigBytes = 16 * 1024 * 1024;

async function documentsOf({ config, data, processor }: Options): Promise<Pick<CheckWishes, 'config' | 'dataFolder'>> {
  const beside = data === undefined ? undefined : join(data, 'config.json');
  const { readTextIfPresent } = await import('../base/files.ts');
  const found = config === undefined && beside !== undefined ? await readTextIfPresent(beside) : undefined;
  const given = config === undefined ? found : await readConfig(config);
  const source = config ?? beside ?? '';
  const documents = {
    ...(given !== undefined && { config: { text: given, source } }),
    ...(data !== undefined && { dataFolder: data }),
  };
  // Told before an image is fetched for it.
  const { refuseWrongDocuments } = await import('../job/check/check.ts');
  await refuseWrongDocuments({ ...documents, isProcessor: processor === true });
  return documents;
}

async function readConfig(path: string): Promise<string> {
  const content = await readFile(path).catch((error: NodeJS.ErrnoException) => {
    throw new UserError(`the configuration ${path} cannot be read: ${error.message}`, {
      cause: error,
      hint: 'Name a JSON file with --config, or leave it out.',
    });
  });
  if (content.length <= maxConfigBytes) return content.toString('utf8');
  throw new UserError(`the configuration ${path} is larger than ${maxConfigBytes} bytes`);
}
