import type { Problem } from '../base/errors.ts';
import type { OutputFile } from './configuration.ts';
import { sortEntries } from './output-entries.ts';
import { type OutFileManifest, readFileManifest } from './output-manifest.ts';
import type { OutputRequest, Producer } from './output-request.ts';
import type { FileUpload } from './storage.ts';

/** One file to upload. */
export interface FileIntent {
  /** Name in out/files. */
  readonly source: string;
  readonly upload: Omit<FileUpload, 'path'>;
}

/** Every top-level file of out/files, mapped or not (contract 4.6.1). */
export async function planFiles(
  request: OutputRequest,
): Promise<{ readonly files: readonly FileIntent[]; readonly problems: readonly Problem[] }> {
  const sorted = sortEntries('out/files', request.files);
  const mappings = new Map(request.mapping.files.map((item) => [item.source, item]));
  const present = new Set(sorted.data.map(({ name }) => name));
  const problems: Problem[] = [
    ...sorted.orphans.map((name) => ({ path: `out/files/${name}`, message: 'is a manifest without its file' })),
    ...sorted.problems,
    ...[...mappings.keys()]
      .filter((source) => !present.has(source))
      .map((source) => ({
        path: `out/files/${source}`,
        message: 'is in the output mapping, but the component did not write it',
      })),
  ];
  const files: FileIntent[] = [];
  for (const { name } of sorted.data) {
    const path = `out/files/${name}.manifest`;
    const read = sorted.described.has(name)
      ? await readFileManifest(await request.readManifest(path), path, request.format)
      : { content: {} };
    if ('problems' in read) problems.push(...read.problems);
    else files.push({ source: name, upload: upload(name, mappings.get(name) ?? read.content, request.producer) });
  }
  return { files, problems };
}

/** A mapping item counts as a whole, and so does a manifest; they are never merged. */
function upload(name: string, options: OutputFile | OutFileManifest, producer: Producer): FileIntent['upload'] {
  return {
    name,
    tags: [...(options.tags ?? []), ...systemTags(producer)],
    isPublic: options.is_public ?? false,
    isPermanent: options.is_permanent ?? false,
    isEncrypted: options.is_encrypted ?? true,
  };
}

function systemTags({ component, configId, rowId, runId }: Producer): readonly string[] {
  return [
    `componentId: ${component}`,
    `configurationId: ${configId ?? ''}`,
    ...(rowId === undefined ? [] : [`configurationRowId: ${rowId}`]),
    `runId: ${runId}`,
  ];
}
