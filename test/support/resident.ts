import { readdirSync, readFileSync } from 'node:fs';
import { ulid } from '../../src/base/ids.ts';
import { createJobEngine, openContainerd } from '../../src/cli/compose.ts';
import { withProject } from '../../src/cli/project.ts';
import type { Config } from '../../src/config.ts';
import { executeJob } from '../../src/job/attempt.ts';
import { createJobFolder } from '../../src/job/folder.ts';
import { planJob } from '../../src/job/plan.ts';
import { resolveJob } from '../../src/job/resolve.ts';
import { parseJobSpec } from '../../src/job/spec.ts';
import type { JobResult } from '../../src/job/types.ts';
import { openRecord } from '../../src/sinks/record.ts';

/** Runs jobs inside this process, one connection and one Storage for all of them, as a daemon would. */
export interface Resident {
  run(body: object): Promise<{ readonly job: string; readonly result: JobResult }>;
}

export async function withResident<T>(config: Config, work: (resident: Resident) => Promise<T>): Promise<T> {
  return await withProject(config, async ({ storage, cipher }) => {
    const node = await openContainerd(config);
    const engine = createJobEngine(node, config);
    const run: Resident['run'] = async (body) => {
      const resolved = await resolveJob(parseJobSpec(JSON.stringify(body), 'test'), storage, cipher);
      const { tenant, policy, pidsLimit } = config;
      const job = ulid();
      const plan = planJob(resolved, { job, attempt: 1, node: 'n', tenant, policy, pidsLimit, now: new Date() });
      const folder = await createJobFolder(config.stateDir, plan);
      const record = await openRecord(folder.recordPath);
      try {
        const result = await executeJob(folder, false, {
          engine,
          storage,
          cipher,
          emit: record.emit,
          signal: new AbortController().signal,
          settings: config,
          offsets: record.offset,
          flush: async () => void (await record.flush(1000)),
          pace: () => undefined,
        });
        return { job, result };
      } finally {
        await record.close();
        await folder.journal[Symbol.asyncDispose]();
      }
    };
    try {
      return await work({ run });
    } finally {
      node.client.close();
    }
  });
}

/** What this process holds: open descriptors, and MiB of memory after a collection where one can be asked for. */
export function holdings(): { readonly descriptors: number; readonly memoryMiB: number } {
  globalThis.gc?.();
  const kib = /^VmRSS:\s+(\d+) kB/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1];
  return { descriptors: readdirSync('/proc/self/fd').length, memoryMiB: Number(kib) / 1024 };
}
