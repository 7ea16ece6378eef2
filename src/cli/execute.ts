import { untilAborted } from '../base/abort.ts';
import { type ClassifiedError, classify } from '../base/errors.ts';
import { fanOut } from '../base/events.ts';
import { executeJob } from '../job/attempt.ts';
import type { JobFolder } from '../job/folder.ts';
import type { JobResult } from '../job/types.ts';
import { openRecord } from '../sinks/record.ts';
import { readTail } from '../sinks/record-tail.ts';
import type { Sink } from '../sinks/sink.ts';
import { collectAfterwards, watchForImages } from './collect-afterwards.ts';
import { type ConnectedNode, createJobEngine } from './compose.ts';
import { printJson } from './output.ts';
import type { OpenProject } from './project.ts';
import { describeResult } from './result-text.ts';
import { createScreen } from './screen.ts';
import type { Session } from './session.ts';

export interface Execution {
  readonly folder: JobFolder;
  readonly resumed: boolean;
  readonly project: OpenProject;
  readonly node: ConnectedNode;
}

const flushMs = 2_000;
/** What a timer can hold: 24 days. */
const longestMs = 2 ** 31 - 1;

/** Runs a job folder to its result on this terminal, prints the result, and sets the exit code. Closes the folder. */
export async function executeAndPrint(execution: Execution, session: Session): Promise<void> {
  const { folder, node } = execution;
  const screen = createScreen(session);
  const images = watchForImages();
  try {
    const emit = fanOut([screen.emit, images.emit]);
    const result = await execute(execution, { ...screen, emit }, session);
    // Like any program in a pipe: the result waits for a reader that is slow, unless we are asked to stop.
    await untilAborted(screen.flush(longestMs), session.signal).catch(() => undefined);
    await screen.close(flushMs);
    if (session.json) printJson({ type: 'result', ...result });
    else describeResult(result, session, execution.resumed ? [] : folder.plan.warnings);
    session.exitWith(result.exitCode);
    if (images.came()) await collectAfterwards(node.client, session);
  } finally {
    await screen.close(flushMs);
    await folder.journal[Symbol.asyncDispose]();
  }
}

async function execute(
  { folder, resumed, project, node }: Execution,
  screen: Sink,
  session: Session,
): Promise<JobResult> {
  const { config } = session;
  const { storage, cipher } = project;
  const unrecorded = new AbortController();
  const onFailure = (error: Error): void => unrecorded.abort(classify(error) satisfies ClassifiedError);
  const record = await openRecord(folder.recordPath, { onFailure });
  try {
    return await executeJob(folder, resumed, {
      engine: createJobEngine(node, config),
      storage,
      cipher,
      emit: fanOut([record.emit, screen.emit]),
      signal: AbortSignal.any([session.signal, unrecorded.signal]),
      settings: config,
      offsets: record.offset,
      recorded: (row, stage, count) => readTail(folder.recordPath, { row, stage, count }),
      flush: () => record.flush(1000),
      pace: screen.ready,
    });
  } finally {
    await record.close();
  }
}
