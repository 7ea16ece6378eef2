import { InfrastructureError } from '../base/errors.ts';

export interface TimeLimit {
  readonly seconds: number;
  /** The image's name, for the error. */
  readonly image: string;
  readonly signal: AbortSignal;
}

/** Runs `work` with a signal that aborts, besides, when the time is over: however slowly a registry sends, it ends. */
export async function inTime<T>(
  { seconds, image, signal }: TimeLimit,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const late = new AbortController();
  const timer = setTimeout(() => {
    const message = `${image} was not there after ${seconds} s, and is given up`;
    const hint = 'Try again; the operator may allow more time by images.limits.pullSeconds.';
    late.abort(new InfrastructureError(message, { reason: 'pull_timeout', hint }));
  }, seconds * 1000);
  try {
    return await work(AbortSignal.any([signal, late.signal]));
  } finally {
    clearTimeout(timer);
  }
}
