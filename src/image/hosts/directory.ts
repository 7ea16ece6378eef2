import { readdir, stat } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { formatProblems, InfrastructureError, type Problem } from '../../base/errors.ts';
import { readRegularFile } from '../../base/files.ts';
import { apiHost, isLoopbackHost } from '../reference.ts';
import { readCertificates } from './certificates.ts';
import { type ClientFiles, type HostEntry, parseHostsFile } from './file.ts';
import type { HostSettings } from './types.ts';

/** Where containerd's own tools look, unless told otherwise. */
export const defaultHostsDirectory = '/etc/containerd/certs.d';

const defaultConnectTimeoutMs = 10_000;
const maxFileBytes = 256 * 1024;
const maxFolderEntries = 1000;
/** The folder for registries that have none of their own. */
const anyRegistry = '_default';
const headerForAnyone = [
  'would be sent to every registry that anybody names',
  'name a server, or write it in the folder of the registry that it is for',
] as const;

/**
 * The hosts that serve the images of `domain`, in the order in which they are to be tried, as containerd finds them: in the first of
 * `h_port_`, `h:port` and `_default` below `directory`, from `hosts.toml`, or from Docker's `*.crt`, `*.cert` and `*.key` where there is none.
 * Without any of these, the registry alone. Everything is read anew each time.
 * @throws InfrastructureError with every problem: a file that is wrong never leads elsewhere than it was meant to
 */
export async function readHosts(directory: string, domain: string): Promise<readonly HostSettings[]> {
  const folder = await findFolder(directory, domain);
  const file = join(folder ?? join(directory, folderNames(domain)[0] ?? ''), 'hosts.toml');
  if (folder === undefined) return [settingsOf(own, domain, file)];
  const bytes = await readRegularFile(file, maxFileBytes);
  const { hosts, problems, problemAt } =
    bytes === undefined || bytes.length === 0
      ? { hosts: [await certificatesOf(folder)], problems: [], problemAt: problemOf(folder) }
      : await parseHostsFile(textOf(bytes, file), file, folder);
  const found = [...problems];
  const settings: HostSettings[] = [];
  for (const entry of hosts) {
    const isForAnyone = entry.origin === undefined && basename(folder) === anyRegistry;
    if (isForAnyone && Object.keys(entry.headers).length > 0) found.push(problemAt(['header'], ...headerForAnyone));
    const tls = await readCertificates(entry, (key, message) => found.push(problemAt([...entry.path, key], message)));
    settings.push({ ...settingsOf(entry, domain, file), tls });
  }
  if (found.length === 0) return settings;
  found.sort((a, b) => (a.line ?? 0) - (b.line ?? 0));
  throw new InfrastructureError(`the hosts of the registry ${domain} are wrong: ${formatProblems(found)}`, {
    problems: found,
    reason: 'registry_hosts',
    hint: 'Mend the file; nothing is asked of any registry until then.',
  });
}

const own: HostEntry = {
  path: [],
  origin: undefined,
  root: '/v2',
  capabilities: ['pull', 'resolve', 'push'],
  authorities: [],
  clients: [],
  skipVerify: false,
  headers: {},
  connectTimeoutMs: undefined,
};

function settingsOf(entry: HostEntry, domain: string, file: string): HostSettings {
  const { origin, root, capabilities, headers, connectTimeoutMs = defaultConnectTimeoutMs } = entry;
  return {
    origin: origin ?? ownOrigin(domain, entry),
    root,
    pull: capabilities.includes('pull'),
    resolve: capabilities.includes('pull') && capabilities.includes('resolve'),
    headers,
    tls: { authorities: [], identities: [], skipVerify: false },
    connectTimeoutMs,
    isConfigured: origin !== undefined,
    file,
  };
}

/** https; on this machine http, unless the port or what is configured says otherwise. Nothing is tried out: the first request decides. */
function ownOrigin(domain: string, { authorities, clients, skipVerify }: HostEntry): URL {
  const host = apiHost(domain);
  const port = /:(\d+)$/.exec(host)?.[1];
  const isSecured = port !== '80' && (skipVerify || authorities.length + clients.length > 0);
  const isPlain = isLoopbackHost(host) && port !== undefined && port !== '443' && !isSecured;
  return new URL(`${isPlain ? 'http' : 'https'}://${host}`);
}

/** Hosts are the same in either case: what stands for one must not be got round by writing it otherwise. */
function folderNames(domain: string): readonly string[] {
  const spellings = [...new Set([domain, domain.toLowerCase()])];
  const withPort = spellings.map((each) => each.replace(/:(\d+)$/, '_$1_')).filter((each) => each.endsWith('_'));
  return [...withPort, ...spellings, anyRegistry];
}

async function findFolder(directory: string, domain: string): Promise<string | undefined> {
  for (const name of folderNames(domain)) {
    const path = join(directory, name);
    try {
      if ((await stat(path)).isDirectory()) return path;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') continue;
      throw unreadable(path, error);
    }
    throw new InfrastructureError(`${path} is not a folder`, { reason: 'registry_hosts', hint });
  }
  return undefined;
}

/** Docker's way: every `*.crt` is an authority, and a `*.cert` is what this machine shows, with the key in the `*.key` of the same name. */
async function certificatesOf(folder: string): Promise<HostEntry> {
  const names = await readdir(folder).catch((error: unknown) => {
    throw unreadable(folder, error);
  });
  if (names.length > maxFolderEntries) {
    throw new InfrastructureError(`${folder} has more than ${maxFolderEntries} files`, {
      reason: 'registry_hosts',
      hint,
    });
  }
  const clients: ClientFiles[] = [];
  for (const name of names.filter((one) => one.endsWith('.cert')).sort()) {
    const key = `${name.slice(0, -'.cert'.length)}.key`;
    clients.push({ certificate: join(folder, name), key: join(folder, names.includes(key) ? key : name) });
  }
  const authorities = names.filter((name) => name.endsWith('.crt')).sort();
  return { ...own, authorities: authorities.map((name) => join(folder, name)), clients };
}

function problemOf(folder: string): (path: readonly string[], message: string) => Problem {
  return (_path, message) => ({ source: folder, message });
}

function textOf(bytes: Buffer, file: string): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch (cause) {
    throw new InfrastructureError(`${file} is not text in UTF-8`, { cause, reason: 'registry_hosts', hint });
  }
}

const hint = 'Mend it, or name another folder as images.hostsDirectory.';

function unreadable(path: string, cause: unknown): InfrastructureError {
  const { message } = cause as Error;
  return new InfrastructureError(`${path} cannot be read: ${message}`, { cause, reason: 'registry_hosts', hint });
}
