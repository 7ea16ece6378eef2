import { createHash } from 'node:crypto';
import { join } from 'node:path';

export function recordsFolder(directory: string): string {
  return join(directory, 'attached');
}

export function recordPath(directory: string, id: string): string {
  return join(recordsFolder(directory), `${id}.json`);
}

/** What a process that was killed at that moment leaves. */
export function unfinishedRecordPath(directory: string, id: string): string {
  return join(recordsFolder(directory), `${id}.tmp`);
}

export function namespacesFolder(directory: string): string {
  return join(directory, 'netns');
}

export function namespacePath(directory: string, id: string): string {
  return join(namespacesFolder(directory), id);
}

/** Data folder of the plugin `host-local`. */
export function leasesFolder(directory: string): string {
  return join(directory, 'leases');
}

/** How all our iptables chains begin: two folders do not get into each other's way. */
export function chainPrefix(directory: string): string {
  return `COMPONENTD-${createHash('sha256').update(directory).digest('hex').slice(0, 6)}-`;
}
