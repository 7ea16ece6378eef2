import { ApplicationError, formatProblems, type Problem } from '../base/errors.ts';
import { cpuRange, type LimitSettings, leastMemory, memoryRange } from '../base/limit-settings.ts';
import { dockerBytes, memoryMegabytes } from '../base/memory-text.ts';
import type { Limits } from '../runtime/types.ts';
import type { ComponentDefinition } from './definition.ts';
import type { MemorySource, Policy } from './types.ts';

export interface LimitsRequest {
  readonly definition: Pick<ComponentDefinition, 'id' | 'memory' | 'features'>;
  /** The job's container size; absent for small. */
  readonly size: string | undefined;
  /** Of the project, or by the operator's word. */
  readonly isPayAsYouGo: boolean;
  readonly settings: LimitSettings;
  readonly policy: Policy;
  readonly pids: number;
}

export interface PlannedLimits {
  readonly limits: Limits;
  /** As it would be passed to Docker, for example `256M`; it names the limit in messages. */
  readonly memoryText: string;
  readonly memoryFrom: MemorySource;
  readonly warnings: readonly string[];
}

interface Memory {
  readonly text: string;
  readonly bytes: number;
  readonly from: MemorySource;
}

/** Cores, and what the definition's memory is multiplied with, as a fraction. */
const sizes: ReadonlyMap<string, { readonly cpus: number; readonly factor: readonly [number, number] }> = new Map([
  ['xsmall', { cpus: 1, factor: [1, 2] }],
  ['small', { cpus: 2, factor: [1, 1] }],
  ['medium', { cpus: 4, factor: [2, 1] }],
  ['large', { cpus: 14, factor: [71, 10] }],
]);

const defaultSize = { cpus: 2, factor: [1, 1] } as const;
const unknownSize = { cpus: 1, factor: [1, 1] } as const;
const defaultParallelism = 2;
const defaultShm = '64m';

/**
 * The limits of one container (contract 8.2), at most what the operator allows. The same for processors.
 * @throws ApplicationError reason `limits` for less memory than any container needs; naming every limit of a pay-as-you-go project that is
 * missing or out of its range
 */
export function planLimits(request: LimitsRequest): PlannedLimits {
  const { definition, settings, policy, pids } = request;
  const warnings: string[] = [];
  const wanted = request.isPayAsYouGo ? ofProject(request) : ofSize(request, warnings);
  const memory = capped(wanted.memory, request, warnings);
  if (memory.bytes < leastMemory.bytes) throw tooLittle(definition.id, memory);
  const withoutSwap = policy === 'hardened' || definition.features.includes('no-swap');
  return {
    limits: {
      memoryBytes: memory.bytes,
      ...(withoutSwap && { memorySwapBytes: memory.bytes }),
      cpus: Math.min(wanted.cpus, settings.cpus ?? Number.POSITIVE_INFINITY),
      pids,
      shmBytes: dockerBytes(settings.shm ?? defaultShm),
      ...(settings.ulimits && { ulimits: settings.ulimits }),
      ...(policy === 'hardened' && { killsAsGroup: true }),
    },
    memoryText: memory.text,
    memoryFrom: memory.from,
    warnings,
  };
}

interface Wanted {
  readonly cpus: number;
  readonly memory: Memory;
}

function ofSize({ definition, size }: LimitsRequest, warnings: string[]): Wanted {
  const known = size === undefined ? defaultSize : sizes.get(size);
  if (known === undefined)
    warnings.push(`the container size "${size}" is not known: one core; sizes are ${[...sizes.keys()].join(', ')}`);
  const { cpus, factor } = known ?? unknownSize;
  const [times, by] = factor;
  const amount = Math.floor((memoryMegabytes(definition.memory) * times) / by);
  return { cpus, memory: { ...megabytes(amount), from: times === by ? 'definition' : 'size' } };
}

function ofProject({ definition, settings }: LimitsRequest): Wanted {
  const problems: Problem[] = [];
  const inRange = (path: string, value: unknown, { least, most }: { least: number; most: number }): number => {
    if (typeof value === 'number' && value >= least && value <= most) return value;
    const message = `${value === undefined ? 'is not set' : `is ${JSON.stringify(value)}`}; it must be from ${least} to ${most}`;
    return problems.push({ path, message });
  };
  const parallelism = settings.project?.['runner.cpuParallelism'] ?? defaultParallelism;
  const cpus = Math.min(
    inRange('limits.instanceCpus', settings.instanceCpus, cpuRange),
    inRange('runner.cpuParallelism', parallelism, cpuRange),
  );
  const name = `runner.${definition.id}.memoryLimitMBs`;
  const limit = settings.project?.[name];
  const memory: Memory =
    limit === undefined
      ? { text: definition.memory, bytes: dockerBytes(definition.memory), from: 'project' }
      : { ...megabytes(Math.floor(inRange(name, limit, memoryRange))), from: 'project' };
  if (problems.length > 0)
    throw new ApplicationError(`The limits of the project cannot be used: ${formatProblems(problems)}`, {
      problems,
      reason: 'limits',
      hint: 'Set them in "limits" of the configuration of componentd.',
    });
  return { cpus, memory };
}

function tooLittle(component: string, { text, from }: Memory): ApplicationError {
  return new ApplicationError(`${component} would get ${text} of memory, and a container needs ${leastMemory.text}`, {
    reason: 'limits',
    hint:
      from === 'project'
        ? `Raise the limit runner.${component}.memoryLimitMBs of the project.`
        : `Raise "memory" in the definition of ${component}, or run the job with a larger backend.containerType.`,
  });
}

function capped(memory: Memory, { definition, settings }: LimitsRequest, warnings: string[]): Memory {
  if (settings.memory === undefined) return memory;
  const most = megabytes(memoryMegabytes(settings.memory));
  if (memory.bytes <= most.bytes) return memory;
  warnings.push(`${definition.id} gets ${most.text} of memory instead of ${memory.text}: more is not allowed here`);
  return { ...most, from: 'operator' };
}

function megabytes(amount: number): Pick<Memory, 'text' | 'bytes'> {
  return { text: `${amount}M`, bytes: amount * 2 ** 20 };
}
