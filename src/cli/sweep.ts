import { classify, exitCodeOf, InfrastructureError } from '../base/errors.ts';
import type { Config } from '../config.ts';
import type { Containerd } from '../containerd/client.ts';
import type { Swept, Telling } from '../daemon/swept.ts';
import type { LocalStorage } from '../storage/local/local-storage.ts';
import { print, printError, printJson, shown } from './output.ts';
import type { Session, Verb } from './session.ts';

const help = `
Removes containers, leases, networks and job data whose process is gone. Jobs of live processes are never touched.
With the setting images.collection, also images beyond its limits: see \`componentd image prune --help\`.
A job that could still be resumed gets the result "lost": resume it first if you want it.
What cannot be removed is told and stays for the next time; the exit code is 3 then.

Examples:
  componentd sweep --dry-run
  componentd sweep`;

/** `sweep`: removes what a crash left. */
export const sweepCommand: Verb = (program, session) => {
  program
    .command('sweep')
    .description('remove what nobody owns any more')
    .option('--dry-run', 'say what would be removed, and why')
    .addHelpText('after', help)
    .action((options: { readonly dryRun?: boolean }) => sweepAll(options.dryRun === true, session()));
};

async function sweepAll(dryRun: boolean, session: Session): Promise<void> {
  const { config } = session;
  const { createJobEngine, findEmptyCgroups, networkSettingsOf, openContainerd } = await import('./compose.ts');
  const { sweep } = await import('../daemon/sweep.ts');
  const { createNetworks } = await import('../runtime/network/networks.ts');
  const node = await openContainerd(config);
  await using project = await lazyProject(config.project);
  const told = telling(dryRun, session);
  try {
    await sweep({
      ...told.by,
      client: node.client,
      engine: createJobEngine(node, config),
      emptyCgroups: findEmptyCgroups,
      networks: createNetworks(networkSettingsOf(config)),
      stateDir: config.stateDir,
      tenant: config.tenant,
      discard: async (commitId) => (await project.open())?.discard(commitId),
      revokeTokens: async (job) => (await project.open())?.revokeJobTokens(job),
    });
    await sweepImages(node.client, told.by, session);
  } finally {
    node.client.close();
  }
  if (!dryRun) await collectProject(project, told.by.onFailed, config);
  told.end();
}

/** Prints what a sweep tells, and how it ended. */
function telling(dryRun: boolean, session: Session): { readonly by: Telling; readonly end: () => void } {
  const count = { found: 0, failed: 0 };
  const onFound = (swept: Swept): void => {
    count.found += 1;
    if (session.json) printJson({ type: 'swept', dryRun, ...swept });
    else
      print(
        `${dryRun ? 'would remove' : 'removing'} ${swept.kind} ${swept.kind === 'image' ? shown(swept.id) : swept.id.slice(0, 26)}: ${swept.why}`,
      );
  };
  const onFailed = ({ kind, id }: Swept, thrown: unknown): void => {
    count.failed += 1;
    const { message, reason, hint } = classify(thrown);
    if (session.json) printJson({ type: 'sweep-failed', kind, id, reason, message, hint });
    else
      printError(new InfrastructureError(`${kind} ${id} stays: ${message}`, { ...(hint && { hint }) }), {
        json: false,
      });
  };
  const end = (): void => {
    if (session.json) printJson({ type: 'result', ...count });
    else if (count.found === 0 && count.failed === 0) print('Nothing to sweep.');
    if (count.failed > 0) session.exitWith(exitCodeOf(new InfrastructureError('not everything was swept')));
  };
  return { by: { dryRun, onFound, onFailed }, end };
}

/** What the setting images.collection says, once jobs that ended hold nothing any more. */
async function sweepImages(
  client: Containerd,
  { dryRun, onFound, onFailed }: Telling,
  session: Session,
): Promise<void> {
  const { config, signal } = session;
  if (config.images.collection === undefined) return;
  const { openLocalImages } = await import('./compose.ts');
  try {
    const local = await openLocalImages(client, config);
    const { removed } = await local.prune({ kind: 'limits' }, { dryRun, signal });
    for (const { name, lastUsedAt } of removed)
      onFound({
        kind: 'image',
        id: name,
        why: `beyond what images.collection allows; last used ${lastUsedAt.slice(0, 10)}`,
      });
  } catch (error) {
    onFailed({ kind: 'image', id: 'of this node', why: 'cannot be looked at' }, error);
  }
}

interface LazyProject extends AsyncDisposable {
  /** The project's Storage, opened once; `undefined` when there is none: a node that only cleans up needs none. */
  open(): Promise<LocalStorage | undefined>;
}

async function lazyProject(path: string): Promise<LazyProject> {
  const { existsSync } = await import('node:fs');
  const { openLocalStorage } = await import('../storage/local/open.ts');
  let storage: Promise<LocalStorage> | undefined;
  return {
    open: async () => {
      if (!existsSync(path)) return undefined;
      storage ??= openLocalStorage({ path });
      return await storage;
    },
    [Symbol.asyncDispose]: async () => {
      await (await storage?.catch(() => undefined))?.close();
    },
  };
}

/** Data files that no table refers to any more, and what was staged and never committed; not before a day has passed. */
async function collectProject(project: LazyProject, onFailed: Telling['onFailed'], config: Config): Promise<void> {
  const { collect } = await import('../storage/local/collect.ts');
  const { stagedByUnfinished } = await import('../job/peek.ts');
  try {
    const storage = await project.open();
    if (storage === undefined) return;
    const keep = await stagedByUnfinished(config.stateDir);
    await collect(storage.parts.catalogue, storage.parts.folder, { keep });
  } catch (error) {
    onFailed({ kind: 'project', id: config.project, why: 'holds what nobody needs' }, error);
  }
}
