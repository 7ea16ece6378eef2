import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { counted } from '../base/counted.ts';
import { type Problem, UserError } from '../base/errors.ts';
import { Findings } from '../base/findings.ts';
import { JsonSyntaxError } from '../base/json.ts';
import { Directory, kindOf } from '../job/directory.ts';
import { parseDocument } from '../job/document.ts';
import { type OutputEntry, sortEntries } from '../job/output-entries.ts';
import { readFileManifest } from '../job/output-manifest.ts';
import { plainNameComplaint } from '../job/plain-name.ts';
import type { Session } from './session.ts';
import { checkInputManifest, checkTable, type DataCheck, readManifestText } from './validate-table.ts';
import { tellValidation } from './validation.ts';

/** Looks at whatever of `in` and `out`, or of `tables` and `files`, is in the folder; follows no link. */
export async function validateData(folder: string, session: Session): Promise<void> {
  const findings = new Findings();
  const temporary = await mkdtemp(join(tmpdir(), 'componentd-validate-'));
  const count = { tables: 0, files: 0, rows: 0 };
  try {
    await using data = await openFolder(folder);
    const sides = (['in', 'out'] as const).map(async (side) => ((await data.exists(side)) ? side : undefined));
    const present = (await Promise.all(sides)).filter((side) => side !== undefined);
    const isSide = (await data.exists('tables')) || (await data.exists('files'));
    if (present.length === 0 && !isSide) {
      throw new UserError(`${folder} is no data folder: it has neither in or out, nor tables or files`, {
        hint: 'Name the folder that a component sees as /data.',
      });
    }
    const at = { findings, temporary, signal: session.signal, count };
    await checkDocuments(data, ['config.json', 'config.yml'], findings);
    for (const side of present) {
      await using child = await data.child(side);
      await checkSide(child, { ...at, side, path: join(resolve(folder), side) });
    }
    if (present.length === 0) {
      const side = /(^|\/)in\/*$/.test(folder) ? 'in' : 'out';
      await checkSide(data, { ...at, side, path: resolve(folder) });
    }
  } finally {
    await rm(temporary, { recursive: true, force: true });
  }
  const held = [counted(count.tables, 'table'), counted(count.rows, 'row'), counted(count.files, 'file')].join(', ');
  tellValidation({ name: `${folder} (${held})`, problems: findings.problems, warnings: [] }, session);
}

async function openFolder(folder: string): Promise<Directory> {
  try {
    return await Directory.open(resolve(folder), folder);
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    throw new UserError(`${folder} is no folder`, {
      cause: error,
      hint: 'Name the folder that a component sees as /data.',
    });
  }
}

async function checkSide(folder: Directory, check: DataCheck): Promise<void> {
  await checkDocuments(folder, ['state.json', 'state.yml', 'usage.json', 'usage.yml', 'result.json'], check.findings);
  for (const kind of ['tables', 'files'] as const) {
    if (!(await folder.exists(kind))) continue;
    const opened = await check.findings.check(() => folder.child(kind));
    if (opened === undefined) continue;
    await using entries = opened;
    await checkEntries(entries, kind, check);
  }
}

/** Documents beside the data must at least be readable. */
async function checkDocuments(folder: Directory, names: readonly string[], findings: Findings): Promise<void> {
  for (const name of names) {
    await findings.check(async () => {
      const text = await folder.readText(name, maxDocumentBytes);
      if (text === undefined) return;
      const source = `${folder.name}/${name}`;
      try {
        await parseDocument(text, name.endsWith('.json') ? 'json' : 'yaml');
      } catch (error) {
        if (!(error instanceof JsonSyntaxError)) throw error;
        const { line, column, detail } = error;
        const message = `is not ${name.endsWith('.json') ? 'JSON' : 'YAML'}: ${detail}`;
        throw new UserError(`${source} ${message}`, { problems: [{ source, line, column, message }] });
      }
    });
  }
}

const maxDocumentBytes = 4 * 1024 * 1024;

async function checkEntries(folder: Directory, kind: 'tables' | 'files', check: DataCheck): Promise<void> {
  const { findings, side, count } = check;
  const place = `${side}/${kind}`;
  const listed = await findings.check(() => listEntries(folder, kind === 'tables'));
  if (listed === undefined) return;
  const sorted = sortEntries(`out/${kind}`, listed);
  const problems: Problem[] = [
    ...sorted.orphans.map((name) => ({
      path: `${place}/${name}`,
      message: 'is a manifest without its data',
      hint: `name it as the data and .manifest`,
    })),
    ...sorted.problems.map((problem) => ({ ...problem, path: (problem.path ?? '').replace(/^out/, side) })),
    ...sorted.data.flatMap(({ name }) => {
      const complaint = plainNameComplaint(name);
      return complaint === undefined ? [] : [{ path: `${place}/${name}`, message: `its name ${complaint}` }];
    }),
  ];
  for (const entry of sorted.data) {
    if (entry.kind === 'other') continue;
    const hasManifest = sorted.described.has(entry.name);
    const manifest = hasManifest ? await readManifestText(folder, entry.name, check) : undefined;
    count[kind] += 1;
    if (kind === 'tables') await checkTable(folder, { entry, manifest }, check);
    else if (manifest !== undefined && side === 'in') problems.push(...(await checkInputManifest('file', manifest)));
    else if (manifest !== undefined) {
      const read = await readFileManifest(manifest.text, manifest.source, manifest.format);
      problems.push(...('problems' in read ? read.problems : []));
    }
  }
  if (problems.length > 0) await findings.check(() => Promise.reject(new UserError(`${place} is wrong`, { problems })));
}

/** What lies in the folder, and in the folders of slices below it. */
async function listEntries(folder: Directory, withSlices: boolean): Promise<OutputEntry[]> {
  const entries: OutputEntry[] = [];
  for (const name of await folder.names()) {
    const stats = await folder.stat(name);
    if (stats.isFile()) entries.push({ name, kind: 'file' });
    else if (!stats.isDirectory()) entries.push({ name, kind: 'other', what: kindOf(stats) });
    else if (!withSlices) entries.push({ name, kind: 'folder' });
    else {
      await using child = await folder.child(name);
      entries.push({ name, kind: 'folder', slices: await listEntries(child, false) });
    }
  }
  return entries;
}
