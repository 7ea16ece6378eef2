import { sleep } from '../../base/abort.ts';
import type { BuildLimits } from '../../base/build-settings.ts';
import { UserError } from '../../base/errors.ts';
import { exclusively } from '../../base/exclusive.ts';
import { isFetchable } from '../../base/git-url.ts';
import type { Containerd } from '../../containerd/client.ts';
import { withLease } from '../leased.ts';
import { saveImage } from '../record.ts';
import type { ImageRequest, ReadyImage } from '../types.ts';
import type { Workplace } from '../workplace.ts';
import { type BaseImage, knownLayers, readBase } from './base-images.ts';
import { createBuildLog } from './build-log.ts';
import { buildah } from './buildah.ts';
import { requirePrograms } from './builder.ts';
import { type Built, builtLabels, builtName, findBuilt } from './built.ts';
import { baseImagesOf } from './dockerfile.ts';
import { explainFailure } from './failure.ts';
import { refuseForeign } from './foreign.ts';
import { inputOf } from './input.ts';
import { askForCommit, fetchDockerfile } from './repository.ts';
import { takeResult } from './result.ts';
import { tarOf } from './tar.ts';
import type { BuildRequest } from './types.ts';
import type { OpenWorkshop, Workshop } from './workshop.ts';

/** Where images are built. */
export interface Building {
  readonly openWorkshop: OpenWorkshop;
  readonly limits: BuildLimits;
}

/** What building needs beside the workplace of images. */
export interface BuildPlace extends Workplace {
  readonly building: Building;
  readonly ensure: (request: ImageRequest, signal: AbortSignal) => Promise<ReadyImage>;
}

/**
 * Makes an image of a git repository, or finds the one that was made of the same base image, commit, commands and parameters. Who may not
 * read the repository does not get it either. Nothing of the repository is trusted: everything is done in a workshop.
 * @throws UserError for what the job's author must mend, with the text that commands print between user-error markers; ApplicationError for
 * other failures of a build; InfrastructureError reason `builder_missing`
 */
export async function buildImage(client: Containerd, request: BuildRequest, at: BuildPlace): Promise<ReadyImage> {
  await requirePrograms(buildah);
  const { component } = request;
  const { limits } = at.building;
  const late = new AbortController();
  const tooLong = new UserError(`building the image of ${component} took more than ${limits.seconds} seconds`, {
    reason: 'timeout',
  });
  const timer = setTimeout(() => late.abort(tooLong), limits.seconds * 1000);
  const signal = AbortSignal.any([at.signal, late.signal]);
  const log = createBuildLog(request.secrets.hidden, { emit: at.emit, component });
  const connection = connectionOf(request);
  let opening: Promise<Workshop> | undefined;
  const open = (): Promise<Workshop> => {
    const wanted = { ...request.workshop, network: connection.network, limits };
    opening ??= at.building.openWorkshop(wanted, { signal, onOutput: log.take });
    return opening;
  };
  const close = async (): Promise<void> => {
    await (await opening?.catch(() => undefined))?.close();
    log.end();
  };
  try {
    return await work(client, { request, at: { ...at, signal }, open, connection });
  } catch (error) {
    await close();
    throw explainFailure(error, { log, component, limits });
  } finally {
    clearTimeout(timer);
    await close();
  }
}

interface Connection {
  readonly network: 'none' | 'bridge' | 'no-internet';
  /** Whether our own git asks the repository. */
  readonly asks: boolean;
  /** Commands get no network, though the workshop has one for git. */
  readonly offline: boolean;
}

function connectionOf({ recipe: { network, how, repository } }: BuildRequest): Connection {
  const asks = isFetchable(repository.uri) && (how.kind === 'dockerfile' || network !== 'none');
  return { network: network === 'none' && asks ? 'bridge' : network, asks, offline: network === 'none' && asks };
}

interface Work {
  readonly request: BuildRequest;
  readonly at: BuildPlace;
  /** The workshop, opened when it is first wanted. */
  readonly open: () => Promise<Workshop>;
  readonly connection: Connection;
}

async function work(client: Containerd, working: Work): Promise<ReadyImage> {
  const { request, at, open, connection } = working;
  const { how, ...recipe } = request.recipe;
  const commit = connection.asks ? await askForCommit(request, await open()) : undefined;
  // What commands do without a network depends on nothing outside.
  const isRepeatable = recipe.cache && (commit !== undefined || recipe.network === 'none');
  const own = how.kind === 'commands' ? await ensureBases(client, [how.base], { request, at }) : [];
  const name = builtName(request, isRepeatable ? { commit, bases: own } : undefined);
  return await inTurn(`build ${client.namespace} ${name}`, at.signal, async () => {
    const known = isRepeatable ? await findBuilt(client, name, at) : undefined;
    if (known !== undefined && (how.kind === 'commands' || (await isUpToDate(client, known, { request, at })))) {
      at.emit({ type: 'image', image: name, status: 'present', digest: known.image.digest });
      return known.image;
    }
    if (how.kind === 'commands') return await make(client, working, { name, dockerfile: how.dockerfile, bases: own });
    const dockerfile = await fetchDockerfile(request, commit ?? '', await open());
    const references = baseImagesOf(dockerfile, how.arguments);
    refuseForeign(references, { registries: at.building.limits.registries, own: request.reference });
    return await make(client, working, {
      name,
      dockerfile,
      bases: await ensureBases(client, references, { request, at }),
    });
  });
}

/** Whoever wants the same image at the same time, in whichever process of this machine, waits and then finds it. */
async function inTurn<T>(name: string, signal: AbortSignal, build: () => Promise<T>): Promise<T> {
  for (let pauseMs = 50; ; pauseMs = Math.min(2 * pauseMs, 1_000)) {
    const done = await exclusively(name, async () => ({ value: await build() }));
    if (done !== undefined) return done.value;
    await sleep(pauseMs, signal);
  }
}

interface Made {
  readonly name: string;
  readonly dockerfile: string;
  readonly bases: readonly BaseImage[];
}

async function make(
  client: Containerd,
  { request, at, open, connection }: Work,
  { name, dockerfile, bases }: Made,
): Promise<ReadyImage> {
  return await withLease(client, at.emit, async (lease) => {
    const input = tarOf(inputOf(client, { request, bases, dockerfile, offline: connection.offline }));
    let made: Awaited<ReturnType<typeof takeResult>> | undefined;
    await (await open()).step(input, async (output) => {
      const mostBytes = at.building.limits.diskBytes;
      made = await takeResult(client, { output, mostBytes, name, lease, known: knownLayers(bases) }, at);
    });
    const { image, target } = made as NonNullable<typeof made>;
    await saveImage(client, name, target, builtLabels(bases));
    at.emit({ type: 'image', image: name, status: 'ready', digest: image.digest });
    return image;
  });
}

interface Ensuring {
  readonly request: BuildRequest;
  readonly at: BuildPlace;
}

async function ensureBases(
  client: Containerd,
  references: readonly string[],
  { request, at }: Ensuring,
): Promise<readonly BaseImage[]> {
  const { digest, ...more } = request.base;
  const only = request.recipe.how.kind === 'commands' && digest !== undefined ? { digest } : {};
  return await Promise.all(
    references.map(async (reference) =>
      readBase(client, reference, await at.ensure({ reference, ...more, ...only }, at.signal)),
    ),
  );
}

/** An image of a Dockerfile counts as long as its base images are what they were. */
async function isUpToDate(client: Containerd, { bases }: Built, ensuring: Ensuring): Promise<boolean> {
  if (bases === undefined) return false;
  const now = await ensureBases(client, Object.keys(bases), ensuring);
  return now.every(({ reference, digest }) => bases[reference] === digest);
}
