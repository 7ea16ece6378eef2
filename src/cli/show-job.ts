import { counted } from '../base/counted.ts';
import type { JournalEntry } from '../base/journal.ts';
import { formatMemory } from '../base/memory-text.ts';
import type { ReadyImage } from '../image/types.ts';
import type { RowPlan, StageOutcome, StagePlan } from '../job/types.ts';
import { formatDuration } from '../sinks/format.ts';
import { filesOf, findJob, type SeenJob, seeJob } from './job-status.ts';
import { describeError, print, printJson, printTable, shown } from './output.ts';
import { describeExplanation } from './result-text.ts';
import type { Session } from './session.ts';

/** What one stage has come to: `waiting`, `running`, `stopped` (begun by a process that is gone), or its outcome. */
interface SeenStage {
  readonly row: number;
  readonly rowId?: string;
  readonly stage: number;
  readonly role: StagePlan['role'];
  readonly component: string;
  readonly status: string;
  /** Absent as long as it has not been had. */
  readonly image?: SeenImage;
  readonly startedAt?: string;
  readonly exitCode?: number;
  readonly durationMs?: number;
  readonly usage?: StageOutcome['usage'];
  readonly message?: string;
}

/** What a name led to when the job asked. */
type SeenImage = Pick<ReadyImage, 'name' | 'digest' | 'manifestDigest'>;

/** Prints a job as its journal tells it. Secrets are not in there but encrypted, and their places are left out. */
export async function showJob(asked: string, { config, json }: Session): Promise<void> {
  const seen = await seeJob(await findJob(config.stateDir, asked));
  const stages = (seen.plan?.rows ?? []).flatMap((row) => row.stages.map((stage) => seeStage(row, stage, seen)));
  if (json) printJson(documentOf(seen, stages));
  else describe(seen, stages);
}

function seeStage(row: RowPlan, stage: StagePlan, { entries, status }: SeenJob): SeenStage {
  const name = `row/${row.index}/stage/${stage.index}`;
  const named = (kind: JournalEntry['kind'], wanted: string): JournalEntry | undefined =>
    entries.findLast((entry) => entry.kind === kind && entry.name === wanted);
  const starting = named('transition', `${name}/starting`);
  const outcome = named('step', name)?.value as StageOutcome | undefined;
  const image = imagesOf(entries)[stage.image];
  const unfinished = starting === undefined ? 'waiting' : status === 'running' ? 'running' : 'stopped';
  return {
    row: row.index,
    ...(row.rowId !== undefined && { rowId: row.rowId }),
    stage: stage.index,
    role: stage.role,
    component: stage.component,
    status: outcome?.outcome ?? unfinished,
    ...(image && { image }),
    ...(starting && { startedAt: starting.time }),
    ...(outcome && { exitCode: outcome.exitCode, durationMs: outcome.durationMs, usage: outcome.usage }),
    ...(outcome?.message !== undefined && { message: outcome.message }),
  };
}

/** In the order of the plan; none before all of them are there. */
function imagesOf(entries: readonly JournalEntry[]): readonly SeenImage[] {
  const step = entries.findLast(({ kind, name }) => kind === 'step' && name === 'images');
  return ((step?.value ?? []) as readonly ReadyImage[]).map(({ name, digest, manifestDigest }) => ({
    name,
    digest,
    ...(manifestDigest !== undefined && { manifestDigest }),
  }));
}

function documentOf(seen: SeenJob, stages: readonly SeenStage[]): object {
  const { job, status, plan, result, pid, startedMs, durationMs, entries, path } = seen;
  return {
    type: 'result',
    job,
    status,
    startedAt: new Date(startedMs).toISOString(),
    ...(durationMs !== undefined && { durationMs }),
    ...(pid !== undefined && { pid }),
    ...(plan && {
      plan: {
        component: plan.component,
        ...(plan.config !== undefined && { config: plan.config }),
        configVersion: plan.configVersion,
        mode: plan.mode,
        token: plan.token,
        images: plan.images.map(({ reference }) => reference),
        rows: plan.rows.map(({ rowId, inputTables, inputFiles }) => ({
          ...(rowId !== undefined && { rowId }),
          inputTables: inputTables.map(({ table, destination }) => ({ table, destination })),
          inputFiles: inputFiles.map(({ selector }) => selector),
        })),
        warnings: plan.warnings,
      },
    }),
    steps: entries.filter(({ kind }) => kind === 'step').map(({ name, time }) => ({ name, time })),
    stages,
    ...(result && { result: { ...result, stages: undefined } }),
    files: filesOf(path),
  };
}

function describe(seen: SeenJob, stages: readonly SeenStage[]): void {
  const { job, plan, status, result, startedMs, durationMs, entries, path } = seen;
  const fact = (name: string, value: string | undefined): void => {
    if (value !== undefined && value !== '') print(`${name.padEnd(10)} ${shown(value)}`);
  };
  fact('job', job);
  fact('component', plan?.component);
  fact('config', plan?.config === undefined ? undefined : `${plan.config}, version ${plan.configVersion}`);
  fact('token', plan && `${plan.token.description} (${plan.token.id})`);
  fact('status', statusText(seen));
  const took =
    durationMs === undefined
      ? ''
      : status === 'running'
        ? `, ${formatDuration(durationMs)} ago`
        : `, took ${formatDuration(durationMs)}`;
  fact('started', `${new Date(startedMs).toISOString().slice(0, 19).replace('T', ' ')} UTC${took}`);
  for (const [index, { reference }] of (plan?.images ?? []).entries()) {
    const had = imagesOf(entries)[index];
    fact('image', [reference, had?.digest].filter(Boolean).join(' '));
    fact('', had?.manifestDigest && `its manifest ${had.manifestDigest}`);
  }
  fact(
    'steps',
    entries
      .filter(({ kind, name }) => kind === 'step' && name !== 'result')
      .map(({ name }) => name)
      .join(', '),
  );
  if (stages.length > 0) {
    print('');
    printTable(['ROW', 'STAGE', 'COMPONENT', 'ROLE', 'STATUS', 'EXIT', 'TOOK', 'MEMORY', 'CPU'], stages.map(cellsOf));
  }
  print('');
  if (result !== undefined) describeOutcome(result);
  fact('files', filesOf(path).folder);
  print(nextStep(seen));
}

function statusText({ status, result, pid }: SeenJob): string {
  if (result !== undefined) return `${status}, exit code ${result.exitCode}`;
  return pid === undefined ? status : `${status} in process ${pid}`;
}

function cellsOf({
  row,
  rowId,
  stage,
  component,
  role,
  status,
  exitCode,
  durationMs,
  usage,
}: SeenStage): readonly string[] {
  return [
    rowId ?? String(row),
    String(stage),
    component,
    role,
    status,
    exitCode === undefined ? '' : String(exitCode),
    durationMs === undefined ? '' : formatDuration(durationMs),
    usage?.peakMemoryBytes === undefined ? '' : formatMemory(usage.peakMemoryBytes),
    usage?.cpuSeconds === undefined ? '' : formatDuration(usage.cpuSeconds * 1000),
  ];
}

function describeOutcome({
  message,
  error,
  explanation,
  warnings,
  output,
  input,
}: NonNullable<SeenJob['result']>): void {
  if (error === undefined) print(shown(message));
  else
    for (const line of describeError('', { message, problems: error.problems }))
      print(line.replace(/^componentd: /, ''));
  for (const line of explanation === undefined ? [] : describeExplanation(explanation, message)) print(`  ${line}`);
  for (const warning of warnings) print(`  warning: ${shown(warning)}`);
  for (const { id, rows } of input.tables) print(`  read table ${shown(id)}: ${counted(rows, 'row')}`);
  for (const { id, importedRows } of output.tables)
    print(`  wrote table ${shown(id)}: ${counted(importedRows, 'row')}`);
  for (const { id, name } of output.files) print(`  wrote file ${id}: ${shown(name)}`);
}

function nextStep({ job, status }: SeenJob): string {
  if (status === 'running') return `Follow it: componentd logs ${job} -f`;
  if (status === 'resumable') return `Its process is gone. Go on with it: componentd resume ${job}`;
  if (status === 'damaged' || status === 'unplanned') return 'Nothing can go on here. Take it away: componentd sweep';
  return `What it printed: componentd logs ${job}`;
}
