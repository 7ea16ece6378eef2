import { UsageError, UserError } from '../base/errors.ts';
import { parseMoment } from '../job/moment.ts';
import { removeFile, tagFile, untagFile } from '../storage/local/manage-files.ts';
import { print, printJson, shown } from './output.ts';
import { withProject } from './project.ts';
import type { Session } from './session.ts';
import { printFiles } from './storage-view.ts';
import { wholeNumber } from './transfer.ts';

export interface ListOptions {
  readonly tag: readonly string[];
  readonly excludeTag: readonly string[];
  readonly since?: string;
  readonly limit: string;
}

export async function list({ tag, excludeTag, since, limit }: ListOptions, { config, json }: Session): Promise<void> {
  const changedSince = since === undefined ? undefined : parseMoment(since, new Date());
  if (since !== undefined && changedSince === undefined) {
    throw new UsageError(`--since needs a moment, not "${since}"`, {
      hint: 'Write 2026-01-31, 2026-01-31T08:00:00Z or "-2 days".',
    });
  }
  const selector = {
    limit: wholeNumber(limit, '--limit'),
    ...(tag.length > 0 && { includeTags: tag }),
    ...(excludeTag.length > 0 && { excludeTags: excludeTag }),
    ...(changedSince !== undefined && { changedSince }),
  };
  await withProject(config, async ({ storage }) => {
    const files = await storage.findFiles(selector);
    if (json) printJson({ type: 'result', files });
    else if (files.length === 0) print('No such files.');
    else printFiles(files);
  });
}

export async function tag(
  text: string,
  { tags, isRemoval }: { readonly tags: readonly string[]; readonly isRemoval: boolean },
  { config, json }: Session,
): Promise<void> {
  const id = wholeNumber(text, 'the file');
  await withProject(config, async ({ storage }) => {
    if (isRemoval) untagFile(storage.partsFor(), id, tags);
    else tagFile(storage.partsFor(), id, tags);
    const [file] = await storage.findFiles({ ids: [id], limit: 1 });
    if (json) printJson({ type: 'result', file });
    else print(`file ${id} has the tags ${shown(file?.tags.join(', ') || 'none')}`);
  });
}

export async function remove(text: string, isForced: boolean, { config, json }: Session): Promise<void> {
  const id = wholeNumber(text, 'the file');
  await withProject(config, async ({ storage }) => {
    if (!isForced) {
      const [file] = await storage.findFiles({ ids: [id], limit: 1 });
      const name = file === undefined ? '' : ` (${file.name}, ${file.sizeBytes} bytes)`;
      throw new UserError(`the content of file ${id}${name} would be lost`, {
        hint: 'Download it first, or say --force.',
      });
    }
    removeFile(storage.partsFor(), id);
    if (json) printJson({ type: 'result', removedFile: id });
    else print(`removed file ${id}`);
  });
}
