import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { Background } from '../base/background.ts';
import type { Cipher } from '../base/cipher.ts';
import { classify, InfrastructureError } from '../base/errors.ts';
import type { Emit, JobEvent } from '../base/events.ts';
import { privateDirectory } from '../base/files.ts';
import { createRedactor } from '../base/redactor.ts';
import { Scope } from '../base/scope.ts';
import { containerIdsOf, containerName } from './containers.ts';
import type { JobContext, LogOffsets, RecordedLines, Settings } from './context.ts';
import { removeTree } from './directory.ts';
import { type JobFolder, releaseFolder, wasRebooted } from './folder.ts';
import { commitIdOf } from './loads.ts';
import { runJob } from './run.ts';
import type { Storage } from './storage.ts';
import { forwardsToken } from './token.ts';
import { cgroupOf, discardContainer } from './traces.ts';
import type { Engine, JobResult, Plan } from './types.ts';

/** What a job is run with. */
export interface Tools {
  readonly engine: Engine;
  readonly storage: Storage;
  readonly cipher: Cipher;
  readonly emit: Emit;
  /** Aborted by a stop; its reason is the error. */
  readonly signal: AbortSignal;
  readonly settings: Settings;
  readonly offsets: LogOffsets;
  readonly recorded?: RecordedLines;
  /** Puts every event so far where a killed process does not lose it. */
  readonly flush: () => Promise<void>;
  readonly pace: JobContext['pace'];
}

/**
 * Runs a job, or goes on with one whose process died, to its result, and removes everything it needed on the way. Called again for a job
 * that has its result, it only removes what is left and returns the same result.
 * @throws InfrastructureError reason `unavailable` when containerd is away: the job then stays as it is.
 */
export async function executeJob(folder: JobFolder, resumed: boolean, tools: Tools): Promise<JobResult> {
  const { plan, journal } = folder;
  const { emit, engine } = tools;
  const started = Date.now();
  emit({ type: 'job-started', job: plan.job, component: plan.component, resumed });
  if (!resumed) for (const message of plan.warnings) emit({ type: 'message', level: 'warning', message });
  const ending = new AbortController();
  const signal = AbortSignal.any([tools.signal, ending.signal]);
  const guarding = new AbortController();
  const onStop = (): void => emit(stopping(tools));
  tools.signal.addEventListener('abort', onStop, { once: true });
  let result: JobResult;
  {
    await using scope = new Scope(emit);
    try {
      await ownEverything({ folder, scope, resumed }, tools);
      engine.guardFreeSpace(folder.path, guarding.signal).catch((error: unknown) => ending.abort(classify(error)));
      const secrets = new Set<string>();
      const redact = (text: string): string => createRedactor(secrets).redactText(text);
      const context = {
        ...tools,
        emit: redacting(emit, redact),
        plan,
        journal,
        folder: folder.path,
        resumed,
        rebooted: resumed && (await wasRebooted(folder)),
        scope,
        signal,
        secrets,
        redact,
        background: new Background(),
      };
      const recorded = journal.find('step', 'result')?.value as JobResult | undefined;
      result = recorded ?? (await runJob(context));
    } catch (thrown) {
      const error = classify(thrown);
      if (error.reason !== 'unavailable') throw error;
      scope.abandon();
      throw new InfrastructureError(error.message, {
        cause: error,
        reason: 'unavailable',
        hint: `The job stays as it is. When containerd is back: componentd resume ${plan.job}`,
      });
    } finally {
      guarding.abort();
      tools.signal.removeEventListener('abort', onStop);
    }
  }
  await releaseFolder(folder.path);
  emit({ type: 'job-finished', job: plan.job, outcome: result.outcome, durationMs: Date.now() - started });
  return result;
}

function stopping({ signal, settings }: Tools): JobEvent {
  const { message } = classify(signal.reason);
  const seconds = settings.graceMs / 1000;
  return { type: 'message', level: 'warning', message: `${message}: stopping; the component has ${seconds} s to end` };
}

/** Lines of output come redacted; what we say ourselves may quote a component, too, and it names its files. */
function redacting(emit: Emit, redact: (text: string) => string): Emit {
  return (event) => {
    if (event.type === 'message' || event.type === 'release-failed') emit({ ...event, message: redact(event.message) });
    else if (event.type === 'transfer') emit({ ...event, name: redact(event.name) });
    else emit(event);
  };
}

interface Ownership {
  readonly folder: JobFolder;
  readonly scope: Scope;
  readonly resumed: boolean;
}

/** Released in reverse: containers first, the folder they wrote to last. */
async function ownEverything({ folder, scope, resumed }: Ownership, { engine, storage }: Tools): Promise<void> {
  const { plan, path, journal } = folder;
  if (forwardsToken(plan)) scope.own('tokens of the job', () => storage.revokeJobTokens(plan.job));
  scope.own('data of the job', () => removeJobData(path, plan));
  for (const pass of ['success', 'failed'] as const) {
    scope.own(`staged outputs (${pass})`, () => storage.discard(commitIdOf({ plan }, pass)));
  }
  scope.own('cgroup of the job', () => engine.removeCgroup(cgroupOf(plan)));
  await privateDirectory(join(path, 'logs'));
  if (!resumed) return;
  for (const row of plan.rows) {
    for (const stage of row.stages) {
      for (const id of containerIdsOf({ row, stage }, journal)) {
        scope.own(`${containerName(stage)}, ${id.slice(0, 12)}`, () => discardContainer(engine.runtime, id));
      }
    }
  }
}

/** Everything below the job's folder but its journal and its record. */
export async function removeJobData(folder: string, plan: Plan): Promise<void> {
  for (const row of plan.rows) await removeTree(join(folder, `row-${row.index}`));
  // Ours alone: no need for a process of its own.
  await rm(join(folder, 'logs'), { recursive: true, force: true });
}
