import type { Containerd } from '../../containerd/client.ts';
import { type BaseImage, knownLayers, layoutOf } from './base-images.ts';
import { buildah } from './buildah.ts';
import { credentialStore } from './git.ts';
import { type TarFile, textFiles } from './tar.ts';
import type { BuildRequest } from './types.ts';

export interface BuilderInput {
  readonly request: BuildRequest;
  /** Commands get no network. */
  readonly offline: boolean;
  readonly bases: readonly BaseImage[];
  readonly dockerfile: string;
}

/** What a {@link Builder} finds. */
export async function* inputOf(
  client: Containerd,
  { request, bases, dockerfile, offline }: BuilderInput,
): AsyncGenerator<TarFile> {
  const { recipe, secrets } = request;
  const { how, repository } = recipe;
  const password = secrets.password === undefined ? {} : { password: secrets.password };
  const store = how.kind === 'commands' ? how.credentials : undefined;
  const files = { ...secrets.files, ...(store && { [store]: credentialStore({ ...repository, ...password }) }) };
  yield* textFiles([
    {
      name: 'step.sh',
      text: `set -eu\n${buildah.script}`,
    },
    { name: 'Dockerfile', text: dockerfile },
    { name: 'bases', text: lines(bases.map(({ reference }) => reference)) },
    { name: 'known', text: lines([...knownLayers(bases).keys()].map((digest) => digest.replace('sha256:', ''))) },
    { name: 'arguments', text: lines(Object.entries(how.arguments).map(([key, value]) => `${key}=${value}`)) },
    { name: 'context', text: how.kind === 'dockerfile' ? how.context : '.' },
    ...(offline ? [{ name: 'offline', text: '' }] : []),
    ...Object.entries(files).map(([id, text]) => ({ name: `secrets/${id}`, text })),
  ]);
  for (const [index, base] of bases.entries()) yield* layoutOf(client, `base/${index + 1}`, base);
}

function lines(entries: readonly string[]): string {
  return entries.map((entry) => `${entry}\n`).join('');
}
