import { createHash } from 'node:crypto';
import {
  ApplicationError,
  type ClassifiedError,
  exitCodeOf,
  InfrastructureError,
  Stopped,
  UserError,
} from '../base/errors.ts';
import type { ReadyImage } from '../image/types.ts';
import type { JobContext } from './context.ts';
import type { CommitResult } from './storage.ts';
import type { Explanation, Failure, JobResult, Limit, Outcome, RowOutcome, StageOutcome, UsedImage } from './types.ts';

const finished = 'Component processing finished.';
const nothingToDo = 'No configurations executed.';
const internal = 'Internal error. Give the exception id to the operator of this node.';

const userOutcomes = new Set<Outcome>(['user_error', 'oom', 'timeout', 'quota']);
const infrastructureOutcomes = new Set<Outcome>(['infra', 'lost', 'stuck']);

export interface Finished {
  readonly rows: readonly RowOutcome[];
  readonly images: readonly ReadyImage[];
  readonly loads: CommitResult | undefined;
}

export function successResult(done: Finished, context: JobContext): JobResult {
  const message = context.plan.rows.length === 0 ? nothingToDo : finished;
  return { ...told(done, context), outcome: 'success', exitCode: 0, message };
}

/** The result of a job that an error ended. What only we or the component's author can mend keeps its text internal and gets an id. */
export function failureResult(
  error: ClassifiedError,
  done: Finished,
  { context, explanation }: { readonly context: JobContext; readonly explanation: Explanation | undefined },
): JobResult {
  const exceptionId = `exception-${createHash('md5').update(`${context.plan.job}:${error.message}`).digest('hex')}`;
  context.emit({
    type: 'message',
    level: 'error',
    message: `${error.message}${error.hint === undefined ? '' : ` — ${error.hint}`}`,
  });
  const isInternal = error.class === 'application';
  const problems = error.problems.map((problem) => ({ ...problem, message: context.redact(problem.message) }));
  return {
    ...told(done, context),
    outcome: outcomeOf(error),
    exitCode: exitCodeOf(error),
    message: isInternal ? internal : context.redact(error.message),
    error: { type: error.class, exceptionId, problems: isInternal ? [] : problems },
    ...(explanation && { explanation: redacted(explanation, context.redact) }),
  };
}

/** What an error says of itself beside its message; `undefined` when that is nothing, or when nobody has to do anything. */
export function explanationOf(error: ClassifiedError): Explanation | undefined {
  const { explanation, limit, used } = error.data as Told;
  if (explanation !== undefined) return explanation;
  if (error.class === 'stopped' || (error.hint === undefined && limit === undefined)) return undefined;
  return {
    ...(limit && { limit }),
    ...(used !== undefined && { used }),
    ...(error.hint !== undefined && { suggestion: error.hint }),
    lastLines: [],
  };
}

/** What an error may carry along. */
interface Told {
  readonly explanation?: Explanation;
  readonly limit?: Limit;
  readonly used?: number;
}

function redacted({ what, suggestion, lastLines, ...rest }: Explanation, redact: JobContext['redact']): Explanation {
  return {
    ...(what !== undefined && { what: redact(what) }),
    ...rest,
    ...(suggestion !== undefined && { suggestion: redact(suggestion) }),
    lastLines: lastLines.map(({ stream, message }) => ({ stream, message: redact(message) })),
  };
}

/** Why the row's stages failed, or `undefined`. */
export function stageFailure(stages: readonly StageOutcome[]): Failure | undefined {
  const last = stages.at(-1);
  if (last === undefined || last.outcome === 'success') return undefined;
  const { outcome, message = outcome, explanation } = last;
  return { outcome, message, problems: [], ...(explanation && { explanation }) };
}

export function failureOf(error: ClassifiedError): Failure {
  const signal = error instanceof Stopped ? { signal: error.signal } : {};
  const explanation = explanationOf(error);
  return {
    outcome: outcomeOf(error),
    ...signal,
    message: error.message,
    problems: error.problems,
    ...(explanation && { explanation }),
  };
}

/** A recorded failure as the error it stands for. */
export function errorOf({ outcome, signal, message, problems, explanation }: Failure): ClassifiedError {
  const options = { reason: outcome, problems, ...(explanation && { data: { explanation } }) };
  if (userOutcomes.has(outcome)) return new UserError(message, options);
  if (infrastructureOutcomes.has(outcome)) return new InfrastructureError(message, options);
  if (outcome === 'cancelled') return new Stopped(signal ?? 'SIGTERM', options);
  return new ApplicationError(message, options);
}

function outcomeOf(error: ClassifiedError): Outcome {
  const reason = error.reason as Outcome | undefined;
  switch (error.class) {
    case 'user':
    case 'usage':
      return reason !== undefined && userOutcomes.has(reason) ? reason : 'user_error';
    case 'infrastructure':
      return reason !== undefined && infrastructureOutcomes.has(reason) ? reason : 'infra';
    case 'application':
      return 'app_error';
    case 'stopped':
      return 'cancelled';
  }
}

/** What the component said in files is redacted like its output. */
function told({ rows, images, loads }: Finished, { plan, journal, redact }: JobContext) {
  const variables = rows.flatMap((row) => Object.entries(row.outputs.variables));
  const begun = journal.entries[0]?.time ?? new Date().toISOString();
  return {
    job: plan.job,
    component: plan.component,
    ...(plan.config !== undefined && { config: plan.config }),
    configVersion: plan.configVersion,
    token: plan.token,
    images: rows.map((row) => row.stages.map((_, index) => usedImage(plan, images, row.row, index))),
    stages: rows.map((row) => row.stages),
    input: { tables: rows.flatMap((row) => row.inputs.tables) },
    output: { tables: loads?.tables ?? [], files: loads?.files ?? [] },
    outputVariables: Object.fromEntries(variables.map(([name, value]) => [redact(name), redact(value)])),
    usage: rows.flatMap((row) => row.stages.flatMap((stage) => stage.usageMetrics ?? [])),
    warnings: [
      ...plan.warnings,
      ...rows.flatMap((row) => row.outputs.warnings.map(redact)),
      ...(loads?.warnings ?? []),
    ],
    durationMs: Date.now() - Date.parse(begun),
  } as const;
}

function usedImage(plan: JobContext['plan'], images: readonly ReadyImage[], row: number, stage: number): UsedImage {
  const index = plan.rows[row]?.stages[stage]?.image ?? -1;
  const printable = plan.images[index]?.printable ?? '';
  const image = images[index];
  if (image === undefined) return { id: printable, digests: [] };
  const { name, digest, manifestDigest } = image;
  const digests = [`${printable.replace(/:[^:/]*$/, '')}@${digest}`];
  return { id: printable, digests, name, digest, ...(manifestDigest !== undefined && { manifestDigest }) };
}
