import { validateHeaderName, validateHeaderValue } from 'node:http';
import { resolve } from 'node:path';
import type { Problem } from '../../base/errors.ts';
import { suggest } from '../../base/suggest.ts';
import { apiHost, isLoopbackHost } from '../reference.ts';
import { parseDuration } from './duration.ts';
import { linesOf, placeOf } from './toml-lines.ts';

/** Files of one client certificate; the key may stand in the same one. */
export interface ClientFiles {
  readonly certificate: string;
  readonly key: string;
}

/** One host as a `hosts.toml` describes it. Paths are absolute; nothing that they name is read yet. */
export interface HostEntry {
  readonly path: readonly string[];
  /** Without a path of its own; absent for the registry itself when the file names no `server`. */
  readonly origin: URL | undefined;
  readonly root: string;
  readonly capabilities: readonly string[];
  readonly authorities: readonly string[];
  readonly clients: readonly ClientFiles[];
  readonly skipVerify: boolean;
  readonly headers: Readonly<Record<string, readonly string[]>>;
  readonly connectTimeoutMs: number | undefined;
}

export interface HostsFile {
  /** In the order in which they are to be tried. */
  readonly hosts: readonly HostEntry[];
  /** Everything that is wrong. */
  readonly problems: readonly Problem[];
  /** A problem of the value at `path`, with its line. */
  problemAt(path: readonly string[], message: string, hint?: string): Problem;
}

type Table = Readonly<Record<string, unknown>>;
type Complain = (key: readonly string[], message: string, hint?: string) => void;

const knownCapabilities = ['pull', 'resolve', 'push', 'referrers'];
const keys = ['capabilities', 'ca', 'client', 'skip_verify', 'header', 'override_path', 'dial_timeout'];
const rootKeys = ['server', 'host', ...keys];
/** These are ours to say, or would change where a message ends. */
const ownHeaders =
  /^(?:host|range|connection|keep-alive|te|trailer|upgrade|expect|content-length|transfer-encoding|accept-encoding|proxy-.*)$/i;
const maxHosts = 100;

/**
 * Reads containerd's `hosts.toml` (containerd, docs/hosts.md): tables of hosts in the order of the file, then the server, with the settings
 * at the top. Stricter than containerd: a key that nobody knows is a mistake, and plain http leads to this machine only.
 */
export async function parseHostsFile(text: string, file: string, directory: string): Promise<HostsFile> {
  const { parse, TomlError } = await import('smol-toml');
  let lines: ReadonlyMap<string, number> | undefined;
  const problemAt: HostsFile['problemAt'] = (path, message, hint) => {
    lines ??= linesOf(text, parse);
    const line = lines.get(placeOf(path)) ?? lines.get(placeOf(path.slice(0, -1)));
    const shown = path.map((key) => (/^[\w-]+$/.test(key) ? key : JSON.stringify(key))).join('.');
    return { source: file, ...(line !== undefined && { line }), path: shown, message, ...(hint && { hint }) };
  };
  let root: Table;
  try {
    root = parse(text, { maxDepth: 10 });
  } catch (error) {
    if (!(error instanceof TomlError)) throw error;
    const [message = ''] = error.message.split('\n', 1);
    const problem = { source: file, line: error.line, column: error.column, message: message.replace(/^.*?: /, '') };
    return { hosts: [], problems: [problem], problemAt };
  }
  const problems: Problem[] = [];
  const complain: Complain = (path, message, hint) => void problems.push(problemAt(path, message, hint));
  const hosts = [...mirrors(root, directory, complain)];
  hosts.push(readEntry(root, { path: [], name: root.server ?? undefined, known: rootKeys, directory, complain }));
  return { hosts, problems, problemAt };
}

function* mirrors({ host }: Table, directory: string, complain: Complain): Generator<HostEntry> {
  if (host === undefined) return;
  if (!isTable(host)) return complain(['host'], 'must be a table of hosts', 'write [host."https://…"]');
  const entries = Object.entries(host);
  if (entries.length > maxHosts) complain(['host'], `has more than ${maxHosts} hosts`);
  for (const [name, table] of entries) {
    const path = ['host', name];
    // An object does not keep the order of such keys, and nobody calls a host so.
    if (/^\d+$/.test(name)) complain(path, 'is a number and no host');
    else if (!isTable(table)) complain(path, 'must be a table', `write [host.${JSON.stringify(name)}]`);
    else yield readEntry(table, { path, name, known: keys, directory, complain });
  }
}

interface Place {
  readonly path: readonly string[];
  /** What the file calls the host. */
  readonly name: unknown;
  readonly known: readonly string[];
  readonly directory: string;
  readonly complain: Complain;
}

function readEntry(table: Table, { path, name, known, directory, complain: tell }: Place): HostEntry {
  const complain: Complain = (key, message, hint) => tell([...path, ...key], message, hint);
  for (const key of Object.keys(table)) {
    if (!known.includes(key)) complain([key], ...unknownKey(key, known));
  }
  const overridePath = readFlag(table, 'override_path', complain);
  const where: Complain = (_key, message, hint) => tell(path.length === 0 ? ['server'] : path, message, hint);
  const url = name === undefined ? undefined : readUrl(name, where);
  const authorities = readStrings(table, 'ca', complain).map((one) => resolve(directory, one));
  const clients = readClients(table, directory, complain);
  if (url?.protocol === 'http:' && authorities.length + clients.length > 0) {
    where([], 'has certificates but is plain http', 'write https://');
  }
  return {
    path,
    origin: url && new URL(url.origin),
    root: rootOf(url, overridePath),
    capabilities: readCapabilities(table, complain),
    authorities,
    clients,
    skipVerify: readFlag(table, 'skip_verify', complain),
    headers: readHeaders(table, complain),
    connectTimeoutMs: readTimeout(table, complain),
  };
}

function unknownKey(key: string, known: readonly string[]): [string, string] {
  if (key === 'proxy') return ['is not supported: proxies are not', 'reach the host without one'];
  const meant = suggest(key, known);
  return ['is not known', meant === undefined ? `keys are ${known.join(', ')}` : `did you mean ${meant}?`];
}

function readUrl(name: unknown, complain: Complain): URL | undefined {
  const bad = (message: string, hint?: string): undefined => complain([], message, hint) as undefined;
  if (typeof name !== 'string' || name === '') return bad('must be a URL', 'write "https://…"');
  const text = /^https?:\/\//i.test(name) ? name : `https://${name}`;
  if (!URL.canParse(text) || /^https?:\/\/[^/]*:\//i.test(text))
    return bad('is not a URL of a host', 'write "https://…"');
  const url = new URL(text);
  if (url.username !== '' || url.password !== '') return bad('must not hold credentials');
  if (url.search !== '' || url.hash !== '') return bad('must not have a query or a fragment');
  if (url.protocol === 'http:' && !isLoopbackHost(url.host)) {
    return bad('is plain http, which is spoken to this machine only', 'write https://, with its authority as ca');
  }
  url.host = apiHost(url.host);
  return url;
}

function rootOf(url: URL | undefined, overridePath: boolean): string {
  const path = url?.pathname.replace(/\/+/g, '/').replace(/\/$/, '') ?? '';
  return url !== undefined && (overridePath || path.endsWith('/v2')) ? path : `${path}/v2`;
}

function readCapabilities(table: Table, complain: Complain): readonly string[] {
  const given = readStrings(table, 'capabilities', complain, 'list').map((one) => one.toLowerCase());
  for (const one of given.filter((name) => !knownCapabilities.includes(name))) {
    const meant = suggest(one, knownCapabilities);
    const hint = meant === undefined ? `there are ${knownCapabilities.join(', ')}` : `did you mean ${meant}?`;
    complain(['capabilities'], `has ${JSON.stringify(one)}, which is none`, hint);
  }
  return given.length === 0 ? knownCapabilities : given;
}

function readStrings(table: Table, key: string, complain: Complain, shape: 'either' | 'list' = 'either') {
  const value = table[key] ?? [];
  const list = typeof value === 'string' && shape === 'either' ? [value] : value;
  if (Array.isArray(list) && list.every((one) => typeof one === 'string' && one !== '')) return list as string[];
  complain([key], shape === 'list' ? 'must be a list of strings' : 'must be a string or a list of strings');
  return [];
}

function readClients(table: Table, directory: string, complain: Complain): readonly ClientFiles[] {
  const value = table.client ?? [];
  const pairs = (Array.isArray(value) ? value : [value]).map((one) => (typeof one === 'string' ? [one, one] : one));
  const isPair = (pair: unknown): pair is [string, string] =>
    Array.isArray(pair) && pair.length === 2 && pair.every((one) => typeof one === 'string') && pair[0] !== '';
  if (!pairs.every(isPair)) {
    complain(['client'], 'must be a file, a list of files, or a list of pairs [certificate, key]');
    return [];
  }
  return pairs.map(([certificate, key]) => ({
    certificate: resolve(directory, certificate),
    key: resolve(directory, key || certificate),
  }));
}

function readHeaders(table: Table, complain: Complain): Readonly<Record<string, readonly string[]>> {
  const { header } = table;
  if (!isTable(header)) {
    if (header !== undefined) complain(['header'], 'must be a table');
    return {};
  }
  const headers: Record<string, readonly string[]> = Object.create(null);
  for (const name of Object.keys(header)) {
    const tell: Complain = (_key, message, hint) => complain(['header', name], message, hint);
    const values = readStrings(header, name, tell);
    if (ownHeaders.test(name)) tell([], 'is not a header to be chosen');
    else if (!isValidHeader(name, values))
      tell([], 'is not a header: its name or its value has a character that none may have');
    else headers[name.toLowerCase()] = values;
  }
  return headers;
}

function isValidHeader(name: string, values: readonly string[]): boolean {
  try {
    validateHeaderName(name);
    for (const value of values) validateHeaderValue(name, value);
    return true;
  } catch {
    return false;
  }
}

function readFlag(table: Table, key: string, complain: Complain): boolean {
  const value = table[key] ?? false;
  if (typeof value !== 'boolean') complain([key], 'must be true or false');
  return value === true;
}

function readTimeout(table: Table, complain: Complain): number | undefined {
  const value = table.dial_timeout;
  if (value === undefined || value === '') return undefined;
  const ms = typeof value === 'string' ? parseDuration(value) : undefined;
  if (ms === undefined) complain(['dial_timeout'], 'must be a duration longer than 0', 'write "500ms" or "1m30s"');
  return ms;
}

function isTable(value: unknown): value is Table {
  return typeof value === 'object' && value !== null && Object.getPrototypeOf(value) === null;
}
