import type { JobContext } from './context.ts';
import { storedState } from './state.ts';
import type { CommitResult, StateUpdate } from './storage.ts';
import type { RowOutcome } from './types.ts';

const nothing: CommitResult = { tables: [], files: [], warnings: [] };

/** What a pass of the output mapping stages under: a crash finds it again, another attempt does not. */
export function commitIdOf({ plan }: Pick<JobContext, 'plan'>, pass: 'success' | 'failed'): string {
  return `${plan.job}-${plan.attempt}-${pass}`;
}

/**
 * Everything a successful job leaves, in one commit: tables, files, processed tags and states. A failed job leaves the tables that are
 * written always, in a commit of their own.
 */
export async function finishLoads(rows: readonly RowOutcome[], context: JobContext): Promise<CommitResult> {
  const { storage, emit } = context;
  const failed = rows.some((row) => row.failure !== undefined);
  const tables = rows.flatMap((row) => row.outputs.tables);
  emit({ type: 'phase', phase: 'loads' });
  if (failed) {
    const always = tables.filter((table) => table.writeAlways).map((table) => table.staged);
    if (always.length === 0) return nothing;
    return await storage.commit({
      id: commitIdOf(context, 'failed'),
      tables: always,
      files: [],
      processedTags: [],
      states: [],
    });
  }
  const commit = {
    id: commitIdOf(context, 'success'),
    tables: tables.map((table) => table.staged),
    files: rows.flatMap((row) => row.outputs.files),
    processedTags: rows.flatMap((row) => row.inputs.processedTags),
    states: stateUpdates(rows, context),
  };
  const { id: _, ...content } = commit;
  return Object.values(content).every((list) => list.length === 0) ? nothing : await storage.commit(commit);
}

/** The states lie in the commit; what is left is to say so. A Storage that cannot commit them with the data saves them here. */
export function saveStates(rows: readonly RowOutcome[], context: JobContext): { readonly saved: number } {
  const saved = stateUpdates(rows, context).length;
  context.emit({ type: 'phase', phase: 'states' });
  return { saved };
}

function stateUpdates(rows: readonly RowOutcome[], { plan }: JobContext): StateUpdate[] {
  const { config, component } = plan;
  if (!plan.keepsState || config === undefined || rows.some((row) => row.failure !== undefined)) return [];
  return rows.map((outcome) => {
    const row = plan.rows[outcome.row];
    const main = outcome.stages.find((_, index) => row?.stages[index]?.role === 'main');
    const roots = storedState(main?.newState ?? '[]', row?.storageState ?? '{}');
    return { component, config, ...(row?.rowId !== undefined && { row: row.rowId }), roots };
  });
}
