import { classify, type Problem, UsageError, UserError } from '../base/errors.ts';
import { Findings } from '../base/findings.ts';
import { type Json, stringifyJson } from '../base/json.ts';
import { normalizeConfiguration } from '../job/configuration.ts';
import { parseDefinition } from '../job/definition.ts';
import { readFileManifest, readTableManifest } from '../job/output-manifest.ts';
import { parseJobSpec } from '../job/spec.ts';
import { readInput } from './component.ts';
import { type EffectiveConfiguration, effectiveConfigurations, parseDocument } from './configuration-file.ts';
import { makePlan } from './job.ts';
import { withProject } from './project.ts';
import type { Session } from './session.ts';
import { tellValidation } from './validation.ts';

/** A configuration and its rows; with a component as a job of it would read them. */
export async function validateConfig(file: string, component: string | undefined, session: Session): Promise<void> {
  const { content, source } = await readInput(file);
  const findings = new Findings();
  const found = (await findings.check(() => effectiveConfigurations(parseDocument(content, source), source))) ?? [];
  const warnings = new Set<string>();
  if (component === undefined) {
    for (const { name, configuration } of found)
      await findings.check(() => normalizeConfiguration(configuration, name));
  } else {
    for (const warning of await planEach(component, found, findings, session)) warnings.add(warning);
  }
  tellValidation({ name: source, problems: findings.problems.map(asWritten), warnings: [...warnings] }, session);
}

/** Plans a job of each; nothing of it is kept. */
async function planEach(
  component: string,
  found: readonly EffectiveConfiguration[],
  findings: Findings,
  { config }: Session,
): Promise<readonly string[]> {
  const warnings: string[] = [];
  await withProject(config, async (project) => {
    if ((await project.storage.component(component)) === undefined) {
      throw new UserError(`there is no component "${component}"`, { hint: 'See `componentd component ls`.' });
    }
    for (const { name, configuration } of found) {
      const job = new Map<string, Json>([
        ['component', component],
        ['configData', configuration],
      ]);
      const plan = await findings.check(() => makePlan(parseJobSpec(stringifyJson(job), name), project, config));
      warnings.push(...(plan?.warnings ?? []));
    }
  });
  return warnings;
}

/** A problem of the configuration, which was read as part of a job. */
function asWritten({ source, ...problem }: Problem): Problem {
  return { ...(source !== undefined && { source: source.replace(/, configData$/, '') }), ...problem };
}

export async function validateComponent(file: string, session: Session): Promise<void> {
  const { content, source } = await readInput(file);
  const problems: Problem[] = [];
  try {
    parseDefinition(content, source);
  } catch (thrown) {
    const error = classify(thrown);
    if (error.reason !== 'definition') throw error;
    problems.push(...error.problems);
  }
  tellValidation({ name: source, problems, warnings: [] }, session);
}

/** A manifest that a component wrote beside its data; YAML when its text does not begin like JSON. */
export async function validateManifest(file: string, kind: string | undefined, session: Session): Promise<void> {
  const { content, source } = await readInput(file);
  const told = kind ?? (/(^|\/)files\/[^/]*$/.test(file) ? 'file' : 'table');
  if (told !== 'table' && told !== 'file')
    throw new UsageError(`"${told}" is no kind of manifest`, { hint: 'Say --kind table, or --kind file.' });
  const read = told === 'table' ? readTableManifest : readFileManifest;
  const format = /^\s*[{[]/.test(content) ? 'json' : 'yaml';
  const manifest = await read(content, source, format);
  const problems = 'problems' in manifest ? manifest.problems : [];
  tellValidation({ name: `${source}, the manifest of a ${told},`, problems, warnings: [] }, session);
}
