import type { JobEvent } from '../base/events.ts';
import { levelOf } from './describe.ts';

/** The line in the colour of what it tells, as ECMA-48 SGR: red for errors, yellow for warnings, dim for what only a developer reads. */
export function paint(line: string, event: JobEvent): string {
  const code = { error: '31', warning: '33', info: '', debug: '2' }[levelOf(event)];
  return code === '' ? line : `\x1b[${code}m${line}\x1b[0m`;
}
