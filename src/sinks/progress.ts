import type { JobEvent } from '../base/events.ts';
import { describeEvent } from './describe.ts';

/** What a live view shows, folded from events; it holds one entry for each layer in flight and a few log lines, whatever the job prints. */
export interface Progress {
  readonly job: string;
  readonly startedAt: number;
  readonly phase: string;
  /** Component of the stage that runs, and since when. */
  readonly stage: { readonly component: string; readonly since: number } | undefined;
  /** By digest, while they are on their way. */
  readonly layers: ReadonlyMap<string, LayerProgress>;
  readonly layersDone: number;
  /** The last log lines, oldest first. */
  readonly tail: readonly string[];
}

export interface LayerProgress {
  readonly status: string;
  readonly bytes: number;
  readonly total: number;
  readonly since: number;
  /** Bytes that were there when it began. */
  readonly from: number;
}

export const tailLines = 5;

export function startProgress(now: number): Progress {
  return { job: '', startedAt: now, phase: '', stage: undefined, layers: new Map(), layersDone: 0, tail: [] };
}

export function advance(progress: Progress, event: JobEvent, now: number): Progress {
  switch (event.type) {
    case 'job-started':
      return { ...progress, job: event.job, startedAt: now };
    case 'phase': {
      const row =
        event.row === undefined ? '' : ` of row ${event.row + 1}${event.rows === undefined ? '' : `/${event.rows}`}`;
      return { ...progress, phase: `${event.phase}${row}` };
    }
    case 'stage':
      return {
        ...progress,
        stage: event.status === 'finished' ? undefined : { component: event.component, since: now },
      };
    case 'layer':
      return withLayer(progress, event, now);
    case 'log':
      return { ...progress, tail: [...progress.tail.slice(1 - tailLines), `${event.component} | ${event.message}`] };
    case 'build':
      return { ...progress, tail: [...progress.tail.slice(1 - tailLines), describeEvent(event) ?? ''] };
    default:
      return progress;
  }
}

function withLayer(
  progress: Progress,
  { digest, status, bytes, total }: JobEvent & { readonly type: 'layer' },
  now: number,
): Progress {
  const layers = new Map(progress.layers);
  if (status === 'unpacked' || status === 'exists') {
    layers.delete(digest);
    return { ...progress, layers, layersDone: progress.layersDone + 1 };
  }
  const known = layers.get(digest);
  const same = known !== undefined && known.status === status;
  layers.set(digest, { status, bytes, total, since: same ? known.since : now, from: same ? known.from : bytes });
  return { ...progress, layers };
}
