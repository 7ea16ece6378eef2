import { type Json, parseJson, stringifyJson } from '../base/json.ts';
import { collectSecrets } from '../base/secrets.ts';
import type { JobContext, StageRun } from './context.ts';
import { Directory } from './directory.ts';
import { extensionOf, renderDocument } from './document.ts';
import { parseNewState } from './state.ts';
import type { StageOutcome } from './types.ts';
import { parseUsage } from './usage.ts';

/** A parsed document takes up to 80 times its size in memory; YAML more. */
const maxDocumentBytes = { json: 4 * 1024 * 1024, yaml: 1024 * 1024 } as const;

/** What a stage finds in its data folder, decrypted. Held in memory only until it is written. */
export interface StageDocuments {
  readonly config: Json;
  /** Main stage only. */
  readonly state?: Json;
}

/** Decrypts the stage's documents; their secrets join the job's. */
export function stageDocuments({ row, stage }: StageRun, context: JobContext): StageDocuments {
  const { plan, cipher, secrets } = context;
  const ids = {
    component: stage.component,
    project: plan.project.id,
    ...(plan.config !== undefined && { config: plan.config }),
  };
  const open = (text: string): Json => cipher.decryptTree(parseJson(text), ids);
  const documents = { config: openConfig(stage.configFile), ...(stage.role === 'main' && { state: open(row.state) }) };
  for (const document of Object.values(documents)) for (const secret of collectSecrets(document)) secrets.add(secret);
  return documents;

  function openConfig(text: string): Json {
    // A processor's parameters were encrypted with the configuration, for the main component; its image parameters for itself.
    const whole = parseJson(text);
    const main = { ...ids, component: plan.component };
    if (stage.role === 'main' || !(whole instanceof Map)) return cipher.decryptTree(whole, main, 'container');
    return new Map(
      Array.from(whole, ([key, value]) => [
        key,
        cipher.decryptTree(value, key === 'image_parameters' ? ids : main, `container.${key}`),
      ]),
    );
  }
}

/** `config.json`, and for the main stage `in/state.json`, in place of whatever an earlier stage left under these names. */
export async function writeStageFiles(
  { dir }: StageRun,
  { config, state }: StageDocuments,
  { plan }: JobContext,
): Promise<void> {
  const extension = extensionOf(plan.format);
  await using data = await Directory.open(dir.data, 'data');
  await data.replaceFile(`config.${extension}`, await renderDocument(config, plan.format));
  if (state === undefined) return;
  await using input = await data.child('in');
  await input.replaceFile(`state.${extension}`, await renderDocument(state, plan.format));
}

/**
 * What the main stage told us: `out/usage` in any case, `out/state` when it succeeded (contract 3.7, 3.8); the new state comes back
 * encrypted. @throws ApplicationError when a document cannot be read.
 */
export async function readStageFiles(
  { dir }: StageRun,
  succeeded: boolean,
  { cipher, plan, secrets }: JobContext,
): Promise<Pick<StageOutcome, 'newState' | 'usageMetrics'>> {
  const extension = extensionOf(plan.format);
  await using data = await Directory.open(dir.data, 'data');
  if (!(await data.exists('out'))) return succeeded ? { newState: '[]' } : {};
  await using out = await data.child('out');
  const usage = await out.readText(`usage.${extension}`, maxDocumentBytes[plan.format]);
  const metrics = usage === undefined ? {} : { usageMetrics: await parseUsage(usage, plan.format) };
  if (!succeeded) return metrics;
  const state = await parseNewState(
    await out.readText(`state.${extension}`, maxDocumentBytes[plan.format]),
    plan.format,
  );
  for (const secret of collectSecrets(state)) secrets.add(secret);
  const scope = { kind: 'ProjectSecure', component: plan.component, project: plan.project.id } as const;
  return { ...metrics, newState: stringifyJson(cipher.encryptTree(state, scope)) };
}

/** The secrets of a state that an earlier process read join the job's. */
export function learnState(newState: string | undefined, { cipher, plan, secrets }: JobContext): void {
  if (newState === undefined) return;
  const ids = { component: plan.component, project: plan.project.id };
  for (const secret of collectSecrets(cipher.decryptTree(parseJson(newState), ids))) secrets.add(secret);
}
