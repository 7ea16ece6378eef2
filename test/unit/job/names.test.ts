import fc from 'fast-check';
import { expect, test } from 'vitest';
import { UserError } from '../../../src/base/errors.ts';
import { fromPlain } from '../../../src/base/json.ts';
import { normalizeConfiguration } from '../../../src/job/configuration.ts';
import { parseDefinition } from '../../../src/job/definition.ts';
import { planJob } from '../../../src/job/plan.ts';
import type { ResolvedJob } from '../../../src/job/resolve.ts';
import { parseJobSpec } from '../../../src/job/spec.ts';

const project = {
  id: '1',
  name: 'p',
  features: [],
  stackId: 'stack',
  url: 'https://stack.example',
  fileStorageProvider: 'aws',
  branchId: '1',
} as const;
const options = {
  job: '01J00000000000000000000000',
  attempt: 1,
  node: 'n',
  tenant: 'default',
  pidsLimit: 9,
  now: new Date(0),
};

/** What a user may call things, if the documents that name them are taken at all. */
const hostile = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 300 }),
  fc
    .array(
      fc.constantFrom('..', '/', '\n', '\0', '=', '.', '-', 'é', '🧨', ',', ' ', 'containerd.io/', 'x'.repeat(90)),
      { maxLength: 12 },
    )
    .map((parts) => parts.join('')),
);

test('whatever components, configurations and rows are called, ids are ours and labels fit containerd', () => {
  fc.assert(
    fc.property(hostile, hostile, hostile, (componentId, config, rowId) => {
      let resolved: ResolvedJob;
      try {
        const body = { component: componentId, config, configRowIds: [rowId] };
        const component = parseDefinition(
          fromPlain({ id: componentId, data: { definition: { type: 'dockerhub', uri: 'a/b' } } }),
        );
        const configuration = normalizeConfiguration(fromPlain({}));
        resolved = {
          spec: parseJobSpec(JSON.stringify(body), 'job'),
          component,
          processors: new Map(),
          rows: [{ id: rowId, parametersId: 'p', configuration, state: fromPlain({}) }],
          configurationExists: true,
          configVersion: '1',
          project,
          token: { id: '1', description: 't' },
          notes: [],
        };
      } catch (error) {
        // A definition is the component's author's, a job its own.
        expect(error).toSatisfy(
          (thrown) => thrown instanceof UserError || (thrown as { class?: string }).class === 'application',
        );
        return;
      }
      for (const policy of ['compatible', 'hardened'] as const) {
        const { rows } = planJob(resolved, { ...options, policy });
        for (const { container, labels } of rows.flatMap(({ stages }) => stages)) {
          expect(container).toMatch(/^[0-9a-f]{64}$/);
          for (const [key, value] of Object.entries(labels)) {
            expect(key).toMatch(/^(?:com\.keboola\.docker-runner|componentd)\.[A-Za-z]+$/);
            // labels.Validate of containerd.
            expect(Buffer.byteLength(key) + Buffer.byteLength(value)).toBeLessThanOrEqual(4096);
          }
        }
      }
    }),
    { numRuns: 300 },
  );
});
