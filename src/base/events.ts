/** The streams of a component, kept apart from shim to sink. */
export type Stream = 'stdout' | 'stderr';

export type Level = 'debug' | 'info' | 'warning' | 'error';

/**
 * Everything that happens, on one stream. Output of components appears only as `log`, already redacted.
 * Sizes are bytes, durations milliseconds.
 */
export type JobEvent =
  | { readonly type: 'job-started'; readonly job: string; readonly component: string; readonly resumed: boolean }
  | { readonly type: 'phase'; readonly phase: Phase; readonly row?: number; readonly rows?: number }
  | {
      readonly type: 'image';
      readonly image: string;
      readonly status: 'present' | 'resolving' | 'pulling' | 'unpacking' | 'ready';
      readonly digest?: string;
    }
  | {
      readonly type: 'layer';
      readonly image: string;
      readonly digest: string;
      readonly status: 'waiting' | 'downloading' | 'downloaded' | 'unpacking' | 'unpacked' | 'exists';
      readonly bytes: number;
      readonly total: number;
    }
  /** A line that the building of a component's image printed, redacted. */
  | { readonly type: 'build'; readonly component: string; readonly message: string }
  | {
      readonly type: 'transfer';
      readonly what: 'input-table' | 'input-file' | 'output-table' | 'output-file';
      readonly name: string;
      readonly status: 'started' | 'finished';
      readonly bytes?: number;
      readonly rows?: number;
    }
  | {
      readonly type: 'stage';
      readonly row: number;
      readonly stage: number;
      readonly component: string;
      readonly status: 'started' | 'adopted' | 'finished';
      readonly exitCode?: number;
      readonly durationMs?: number;
      readonly peakMemoryBytes?: number;
      readonly cpuSeconds?: number;
      /** From and to block devices. */
      readonly readBytes?: number;
      readonly writtenBytes?: number;
    }
  | {
      readonly type: 'log';
      readonly row: number;
      readonly stage: number;
      readonly component: string;
      readonly stream: Stream;
      readonly level: Level;
      readonly message: string;
      /** Bytes of the raw stream up to the end of this line: where a reader that has it goes on. */
      readonly offset?: number;
    }
  | LogDropped
  | { readonly type: 'message'; readonly level: Level; readonly message: string }
  | { readonly type: 'release-failed'; readonly what: string; readonly message: string }
  | { readonly type: 'job-finished'; readonly job: string; readonly outcome: string; readonly durationMs: number };

/**
 * Log lines that a sink left out: all of `source` since its last such event, because retained output reached its cap,
 * or, without `source`, the oldest ones of any stage, because the reader of this sink was too slow.
 */
export interface LogDropped {
  readonly type: 'log-dropped';
  readonly lines: number;
  readonly source?: { readonly row: number; readonly stage: number; readonly stream: Stream; readonly offset: number };
}

export type Phase = 'images' | 'inputs' | 'stages' | 'outputs' | 'loads' | 'states';

/** Synchronous, and never throws: a sink that fails must not fail the job. */
export type Emit = (event: JobEvent) => void;

/** An event as it is stored and printed: with its time (ISO 8601, UTC). */
export type StampedEvent = JobEvent & { readonly time: string };

/** Sends each event to every sink; a sink that throws is dropped from the fan-out, the others go on. */
export function fanOut(sinks: readonly Emit[]): Emit {
  const live = new Set(sinks);
  return (event) => {
    for (const sink of live) {
      try {
        sink(event);
      } catch {
        live.delete(sink);
      }
    }
  };
}
