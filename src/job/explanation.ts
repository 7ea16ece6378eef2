import { constants } from 'node:os';
import { formatMemory } from '../base/memory-text.ts';
import type { Usage } from '../runtime/types.ts';
import type { LastLine } from './last-lines.ts';
import type { Explanation, Outcome, StagePlan } from './types.ts';
import type { KilledBy } from './verdict.ts';

/** What is known of a stage that failed. */
export interface FailedStage {
  readonly outcome: Outcome;
  readonly exitCode: number;
  readonly killedBy: KilledBy | undefined;
  readonly usage: Usage;
  /** From its start to its end. */
  readonly seconds: number;
  readonly plan: Pick<StagePlan, 'role' | 'component' | 'limits' | 'memoryText' | 'memoryFrom' | 'timeoutSeconds'>;
  /** Unread output at which a container is ended. */
  readonly logBytes: number;
  readonly lastLines: readonly LastLine[];
}

/** Says what was counted, and never more: no guess why a process was killed by somebody else. Pure. */
export function explain(stage: FailedStage): Explanation {
  return { ...cause(stage), lastLines: stage.lastLines };
}

type Cause = Omit<Explanation, 'lastLines'>;

function cause(stage: FailedStage): Cause {
  const { outcome, usage, exitCode } = stage;
  if (outcome === 'oom') return outOfMemory(stage);
  if (outcome === 'timeout') return outOfTime(stage);
  if (outcome === 'quota') return tooMuchOutput(stage);
  if (outcome === 'cancelled') return {};
  if ((usage.pidsLimitHits ?? 0) > 0) return tooManyProcesses(stage);
  return meaningOf(exitCode, stage);
}

function outOfMemory({ usage, plan, exitCode }: FailedStage): Cause {
  const { memoryBytes } = plan.limits;
  const { peakMemoryBytes: used, oomKills } = usage;
  const killed = `the kernel killed ${oomKills} ${oomKills === 1 ? 'process' : 'processes'} for want of memory`;
  const ending = exitCode === 0 ? ', although the component itself ended with 0' : '';
  const limit = { name: 'memory', value: memoryBytes, unit: 'bytes' } as const;
  if (used === undefined)
    return {
      what: `It may use ${formatMemory(memoryBytes)} of memory; ${killed}${ending}.`,
      limit,
      suggestion: moreMemory(plan),
    };
  // The kernel kills as well when a group above the container, or the machine, has no memory left.
  const isNear = used > memoryBytes / 2;
  return {
    what: `It used at most ${formatMemory(used)} of ${formatMemory(memoryBytes)} of memory; ${killed}${ending}.`,
    limit,
    used,
    suggestion: isNear
      ? moreMemory(plan)
      : 'Its own limit was not met: give the node more memory, or run less on it at once.',
  };
}

function moreMemory({ memoryFrom = 'definition', memoryText, component }: FailedStage['plan']): string {
  switch (memoryFrom) {
    case 'definition':
      return `Raise "memory" in the definition of ${component} (now ${memoryText}), or run the job with a larger backend.containerType.`;
    case 'size':
      return `Run the job with a larger backend.containerType, or raise "memory" in the definition of ${component}.`;
    case 'project':
      return `Raise the limit runner.${component}.memoryLimitMBs of the project.`;
    case 'operator':
      return 'Ask the operator to raise limits.memory in the configuration of componentd.';
  }
}

function outOfTime({ seconds, usage, plan }: FailedStage): Cause {
  const { timeoutSeconds, limits } = plan;
  const { cpuSeconds, throttledSeconds = 0 } = usage;
  const isHeldBack = throttledSeconds > seconds / 2;
  const parts = [
    `It ran for ${rounded(seconds)} s and may run for ${timeoutSeconds} s`,
    cpuSeconds === undefined ? '' : `it used ${rounded(cpuSeconds)} s of processor time`,
    isHeldBack ? `its limit of ${limits.cpus} cores held it back for ${rounded(throttledSeconds)} s` : '',
  ];
  return {
    what: `${parts.filter((part) => part !== '').join('; ')}.`,
    limit: { name: 'time', value: timeoutSeconds, unit: 'seconds' },
    used: rounded(seconds),
    suggestion: isHeldBack ? `Run the job with a larger backend.containerType. ${moreTime(plan)}` : moreTime(plan),
  };
}

const longestOfConfiguration = 86_400;

function moreTime({ role, component, timeoutSeconds }: FailedStage['plan']): string {
  const inDefinition = `process_timeout in the definition of ${component}`;
  if (role !== 'main') return `Raise ${inDefinition}.`;
  if (timeoutSeconds >= longestOfConfiguration) return 'Let it do less in one run, for example by rows.';
  return `Raise runtime.process_timeout in the configuration, or ${inDefinition}.`;
}

function tooMuchOutput({ logBytes }: FailedStage): Cause {
  return {
    what: `More than ${formatMemory(logBytes)} of its output waited to be read.`,
    limit: { name: 'log', value: logBytes, unit: 'bytes' },
    suggestion: 'Let it print less, or ask the operator to raise logBacklogBytes in the configuration of componentd.',
  };
}

function tooManyProcesses({ usage, plan }: FailedStage): Cause {
  const { pidsLimitHits: hits = 0, peakPids } = usage;
  const most = plan.limits.pids ?? 0;
  return {
    what: `It could not start a process or thread ${hits === 1 ? 'once' : `${hits} times`}: at most ${most} may run at once.`,
    limit: { name: 'processes', value: most, unit: 'processes' },
    used: peakPids ?? most,
    suggestion:
      'Let it start fewer processes and threads at once, or ask the operator to raise pidsLimit in the configuration of componentd.',
  };
}

/** What shells and kernels mean by an exit code; the component may mean something else by it, and is not contradicted. */
function meaningOf(exitCode: number, { usage, plan }: FailedStage): Cause {
  if (exitCode === 126)
    return {
      what: 'A shell answers 126 when a command may not be executed.',
      suggestion:
        'See that the program is executable, and that its interpreter (the line that begins with #!) is in the image.',
    };
  if (exitCode === 127)
    return {
      what: 'A shell answers 127 when a command is not found.',
      suggestion: 'See that every program it calls is in the image, and in PATH.',
    };
  const signal = signalNames.get(exitCode - 128);
  if (signal === undefined) return {};
  if (signal !== 'SIGKILL') return { what: `Exit code ${exitCode} stands for ${signal}, and componentd sent none.` };
  const { peakMemoryBytes: peak } = usage;
  const memory =
    peak === undefined ? '' : ` (${formatMemory(peak)} of ${formatMemory(plan.limits.memoryBytes)} were used at most)`;
  return {
    what: `Exit code 137 stands for SIGKILL: componentd sent none, and the kernel counted no kill for want of memory${memory}.`,
    suggestion: 'Look for what sends SIGKILL inside the component, for example a time limit of its own.',
  };
}

/** Some signals have two names; the first one is the usual. */
const signalNames = new Map(
  Object.entries(constants.signals)
    .reverse()
    .map(([name, number]) => [number as number, name]),
);

function rounded(seconds: number): number {
  return Math.round(seconds * 10) / 10;
}
