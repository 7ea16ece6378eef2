import { counted } from '../base/counted.ts';
import type { JobEvent, Level } from '../base/events.ts';
import { formatMemory } from '../base/memory-text.ts';
import { formatBytes, formatDuration, neutralise } from './format.ts';

/** An event in words, safe to show; `undefined` for what is only progress. Log lines read `component | text`. */
export function describeEvent(event: JobEvent): string | undefined {
  const text = sentence(event);
  if (text === undefined || event.type !== 'message') return text && neutralise(text);
  return text.split('\n').map(neutralise).join('\n  ');
}

/** How much an event matters to somebody who reads along. */
export function levelOf(event: JobEvent): Level {
  switch (event.type) {
    case 'log':
    case 'message':
      return event.level;
    case 'release-failed':
    case 'log-dropped':
      return 'warning';
    case 'job-finished':
      return event.outcome === 'success' ? 'info' : 'error';
    default:
      return 'info';
  }
}

function sentence(event: JobEvent): string | undefined {
  switch (event.type) {
    case 'log':
      return `${event.component} | ${event.message}`;
    case 'build':
      return `build of ${event.component} | ${event.message}`;
    case 'message':
      return event.level === 'info' || event.level === 'debug' ? event.message : `${event.level}: ${event.message}`;
    case 'job-started':
      return `job ${event.job} of ${event.component} ${event.resumed ? 'goes on' : 'started'}`;
    case 'phase':
      return `${event.phase}${event.row === undefined ? '' : ` of row ${event.row + 1}${event.rows === undefined ? '' : ` of ${event.rows}`}`}`;
    case 'image':
      return event.status === 'pulling' || event.status === 'ready'
        ? `image ${event.image} ${event.status}`
        : undefined;
    case 'layer':
      return event.status === 'downloaded'
        ? `layer ${shortDigest(event.digest)} downloaded, ${formatBytes(event.bytes)}`
        : undefined;
    case 'transfer':
      return event.status === 'finished'
        ? `${event.what.replace('-', ' ')} ${event.name}${amount(event.rows, event.bytes)}`
        : undefined;
    case 'stage':
      return stageSentence(event);
    case 'log-dropped':
      return event.source === undefined
        ? `${counted(event.lines, 'line')} of output left out, because they came faster than they were read`
        : `${counted(event.lines, 'line')} of output not kept, because the record of this job is full`;
    case 'release-failed':
      return `warning: ${event.what} was left behind: ${event.message}`;
    case 'job-finished':
      return `job ${event.job} finished with ${event.outcome} after ${formatDuration(event.durationMs)}`;
  }
}

function stageSentence({
  component,
  status,
  exitCode,
  durationMs,
  peakMemoryBytes,
  cpuSeconds,
  readBytes = 0,
  writtenBytes = 0,
}: JobEvent & { readonly type: 'stage' }): string {
  const details = [
    exitCode === undefined ? '' : `exit code ${exitCode}`,
    durationMs === undefined ? '' : formatDuration(durationMs),
    cpuSeconds === undefined ? '' : `${formatDuration(cpuSeconds * 1000)} of processor time`,
    peakMemoryBytes === undefined ? '' : `${formatMemory(peakMemoryBytes)} of memory at most`,
    readBytes > 0 ? `${formatBytes(readBytes)} read` : '',
    writtenBytes > 0 ? `${formatBytes(writtenBytes)} written` : '',
  ].filter((detail) => detail !== '');
  return `${component} ${status}${details.length === 0 ? '' : ` (${details.join(', ')})`}`;
}

function amount(rows: number | undefined, bytes: number | undefined): string {
  const parts = [rows === undefined ? '' : counted(rows, 'row'), bytes === undefined ? '' : formatBytes(bytes)].filter(
    (part) => part !== '',
  );
  return parts.length === 0 ? '' : `: ${parts.join(', ')}`;
}

/** The first 12 hex digits of a digest. */
export function shortDigest(digest: string): string {
  return digest.replace(/^sha\d+:/, '').slice(0, 12);
}
