import { closeSync, fsyncSync, openSync, rmSync, writeSync } from 'node:fs';
import { resolve } from 'node:path';
import { UsageError, UserError } from '../base/errors.ts';
import { parseMoment } from '../job/moment.ts';
import type { IssuedToken } from '../storage/local/issued-token.ts';
import type { LocalStorage } from '../storage/local/local-storage.ts';
import { keepNext, takeNext } from '../storage/local/project-token.ts';
import type { BucketLevel, Rights } from '../storage/local/rights.ts';
import {
  createToken,
  type KeepSecret,
  listTokens,
  refreshToken,
  removeToken,
  showToken,
  type TokenRecord,
} from '../storage/local/tokens.ts';
import { print, printJson, printTable, shown } from './output.ts';
import { withProject } from './project.ts';
import type { Session } from './session.ts';

export interface CreateOptions {
  readonly description: string;
  readonly read?: readonly string[];
  readonly write?: readonly string[];
  readonly deny?: readonly string[];
  readonly components: Rights['components'];
  readonly configurations: Rights['configurations'];
  readonly files: Rights['files'];
  readonly manageTokens?: boolean;
  readonly expires?: string;
  readonly output?: string;
}

/** Makes a token and shows its secret, or puts it into a new file. */
export async function create(options: CreateOptions, session: Session): Promise<void> {
  const { components, configurations, files, description, manageTokens } = options;
  const tokens = manageTokens === true ? 'manage' : 'none';
  const rights: Rights = { buckets: bucketsOf(options), components, configurations, files, tokens };
  const input = { description, rights, expires: momentOf(options.expires) };
  await withProject(session.config, async ({ storage }) => {
    const { catalogue, guard } = storage.partsFor({ on: 'tokens', to: 'manage' });
    const issued = kept(options.output, (keep) => createToken(catalogue, guard, input, keep));
    tell(storage, issued, { verb: 'made', output: options.output }, session);
  });
}

/** Gives a token a new secret. */
export async function refresh(given: string | undefined, output: string | undefined, session: Session): Promise<void> {
  await withProject(session.config, async ({ storage }) => {
    const { catalogue, guard, folder } = storage.partsFor();
    const id = given ?? storage.token.id;
    if (showToken(catalogue, guard, id).kind !== 'admin') {
      const issued = kept(output, (keep) => refreshToken(catalogue, guard, id, keep));
      return tell(storage, issued, { verb: 'renewed', output }, session);
    }
    if (output !== undefined) {
      throw new UsageError("the secret of the project's own token lies in its folder only", { hint: 'Leave out -o.' });
    }
    refreshToken(catalogue, guard, id, (secret) => keepNext(folder, secret));
    await takeNext(folder);
    if (session.json) printJson({ type: 'result', token: showToken(catalogue, guard, id) });
    else print(`renewed the project's own token; its secret is in ${shown(folder.token)}`);
  });
}

export async function list({ config, json }: Session): Promise<void> {
  await withProject(config, async ({ storage }) => {
    const { catalogue, guard } = storage.partsFor();
    const tokens = listTokens(catalogue, guard);
    if (json) return printJson({ type: 'result', tokens });
    printTable(
      ['ID', 'DESCRIPTION', 'BUCKETS', 'CONFIGURATIONS', 'EXPIRES'],
      tokens.map(({ id, description, rights, ...token }) => [
        id,
        description,
        rights === undefined ? 'all' : bucketsText(rights),
        rights?.configurations ?? 'all',
        expiryText(token),
      ]),
    );
  });
}

export async function show(id: string | undefined, { config, json }: Session): Promise<void> {
  await withProject(config, async ({ storage }) => {
    const { catalogue, guard } = storage.partsFor();
    const token = showToken(catalogue, guard, id ?? storage.token.id);
    if (json) return printJson({ type: 'result', token });
    describe(token);
  });
}

export async function remove(id: string, { config, json }: Session): Promise<void> {
  await withProject(config, async ({ storage }) => {
    const { catalogue, guard } = storage.partsFor();
    const removed = removeToken(catalogue, guard, id);
    if (json) return printJson({ type: 'result', removed });
    const others = removed.filter((one) => one !== id);
    print(`revoked token ${shown(id)}${others.length === 0 ? '' : `, and what came from it: ${others.join(', ')}`}`);
  });
}

/** Does the work, which is undone when its secret cannot be written to the new file, should there be one. */
function kept(output: string | undefined, issue: (keep: KeepSecret) => IssuedToken): IssuedToken {
  if (output === undefined) return issue(() => undefined);
  const path = resolve(output);
  let isOurs = false;
  try {
    return issue((secret) => {
      const file = openSync(path, 'wx', 0o600);
      isOurs = true;
      try {
        writeSync(file, `${secret}\n`);
        fsyncSync(file);
      } finally {
        closeSync(file);
      }
    });
  } catch (error) {
    if (isOurs) rmSync(path, { force: true });
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    throw new UserError(`${output} exists already`, { cause: error, hint: 'Name a new file, or remove that one.' });
  }
}

function tell(
  storage: LocalStorage,
  { id, secret }: IssuedToken,
  { verb, output }: { readonly verb: string; readonly output: string | undefined },
  { json }: Session,
): void {
  const { catalogue, guard } = storage.partsFor();
  // Whoever renews the token in use has proved himself with the old secret.
  const token = showToken(catalogue, guard, id);
  if (json) printJson({ type: 'result', token, ...(output === undefined ? { secret } : { output }) });
  else {
    print(`${verb} token ${id}, ${shown(JSON.stringify(token.description))}`);
    if (output !== undefined) print(`its secret is in ${shown(output)}`);
    else
      print(`${secret}\nThis is its secret, shown once. Use it by COMPONENTD_TOKEN, or from a file by --token-file.`);
  }
}

function describe({ id, kind, description, created, parent, rights, ...token }: TokenRecord): void {
  print(`token ${id}, ${shown(JSON.stringify(description))}`);
  print(`created ${created}, expires ${expiryText(token)}${parent === null ? '' : `, came from token ${parent}`}`);
  if (rights === undefined) print(kind === 'admin' ? "the project's own: may everything" : 'with the rights of that');
  else {
    for (const [pattern, level] of Object.entries(rights.buckets)) print(`bucket ${shown(pattern)}: ${level}`);
    if (Object.keys(rights.buckets).length === 0) print('no bucket');
    const { components, configurations, files, tokens } = rights;
    print(`components: ${components}, configurations: ${configurations}, files: ${files}, tokens: ${tokens}`);
  }
}

function expiryText({ expires, isValid }: Pick<TokenRecord, 'expires' | 'isValid'>): string {
  if (isValid) return expires ?? 'never';
  return `${expires ?? 'with the token it came from'} (expired)`;
}

function bucketsText({ buckets }: Rights): string {
  const listed = (level: BucketLevel): string[] => {
    const patterns = Object.keys(buckets).filter((pattern) => buckets[pattern] === level);
    return patterns.length === 0 ? [] : [`${level === 'none' ? 'not' : level} ${patterns.join(', ')}`];
  };
  return (['write', 'read', 'none'] as const).flatMap(listed).join('; ') || 'none';
}

/** @throws UsageError for a pattern that is given with two rights */
function bucketsOf({ read = [], write = [], deny = [] }: CreateOptions): Rights['buckets'] {
  const given: [string, BucketLevel][] = [
    ...read.map((pattern): [string, BucketLevel] => [pattern, 'read']),
    ...write.map((pattern): [string, BucketLevel] => [pattern, 'write']),
    ...deny.map((pattern): [string, BucketLevel] => [pattern, 'none']),
  ];
  const twice = given.find(([pattern, level]) => given.some(([other, its]) => other === pattern && its !== level));
  if (twice === undefined) return Object.fromEntries(given);
  throw new UsageError(`${JSON.stringify(twice[0])} is given with two rights`, { hint: '--write holds --read.' });
}

function momentOf(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const moment = parseMoment(text, new Date());
  if (moment !== undefined) return Date.parse(moment);
  throw new UsageError(`--expires needs a moment, not "${text}"`, {
    hint: 'Write 2027-01-31, 2027-01-31T12:00:00Z, "12 hours" or "30 days".',
  });
}
