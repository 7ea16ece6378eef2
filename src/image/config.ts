import { constants } from 'node:os';
import { posix } from 'node:path';
import { type Problem, throwProblems } from '../base/errors.ts';
import { type Document, invalid, isObject, optionalText, optionalTexts, own, parseDocument } from './document.ts';
import { maxConfigBytes, maxLayers, type Platform, readPlatform } from './manifest.ts';
import { isDigest } from './reference.ts';
import type { ImageConfig } from './types.ts';

/** An image's config document, as far as it has effect. */
export interface ParsedConfig {
  readonly config: ImageConfig;
  readonly platform: Platform;
  /** Digests of the uncompressed layers from the bottom up. */
  readonly diffIds: readonly string[];
}

const maxEnvEntries = 1000;
const maxEnvBytes = 128 * 1024;
/** Half of what Linux takes for arguments and environment together, with the usual limit of the stack. */
const maxCommandBytes = 1024 * 1024;
/** PATH_MAX of Linux. */
const maxPathBytes = 4096;
const maxId = 2 ** 31 - 1;
const forbiddenRoots = ['/proc', '/sys', '/dev'];
const principal = '(?:[0-9]+|[A-Za-z_.@][A-Za-z0-9_.@-]{0,63}\\$?|[0-9]+[A-Za-z_.@-][A-Za-z0-9_.@-]{0,63})';
const userPattern = new RegExp(`^(${principal})(?::(${principal}))?$`);

/** Reads a config blob. Volumes, ports, labels and health checks are not read at all. @throws UserError with every problem at once */
export function parseConfig(bytes: Buffer, what: string): ParsedConfig {
  const document = parseDocument(bytes, { what: `the config of ${what}`, maxBytes: maxConfigBytes });
  const diffIds = readDiffIds(document, what);
  const run = own(document, 'config');
  const settings = isObject(run) ? run : {};
  const stopSignal = optionalText(settings, 'StopSignal', what) || 'SIGTERM';
  const config: ImageConfig = {
    entrypoint: optionalTexts(settings, 'Entrypoint', what),
    cmd: optionalTexts(settings, 'Cmd', what),
    env: optionalTexts(settings, 'Env', what),
    workingDir: optionalText(settings, 'WorkingDir', what) || '/',
    user: optionalText(settings, 'User', what) ?? '',
    stopSignal: /^[A-Z]/.test(stopSignal) && !stopSignal.startsWith('SIG') ? `SIG${stopSignal}` : stopSignal,
  };
  throwProblems(`${what} cannot be used`, problemsOf(config));
  return { config, platform: readPlatform(document, what), diffIds };
}

/** What `User` says: a name or an id for the user, the same or nothing for the group; `undefined` when it is not valid. Empty is user 0. */
export function splitUser(
  text: string,
): { readonly user: string | number; readonly group?: string | number } | undefined {
  if (text === '') return { user: 0 };
  const match = userPattern.exec(text);
  if (match === null) return undefined;
  const [user, group] = [match[1] as string, match[2]].map((part) =>
    part !== undefined && /^\d+$/.test(part) ? Number(part) : part,
  );
  if ([user, group].some((part) => typeof part === 'number' && part > maxId)) return undefined;
  return { user: user as string | number, ...(group !== undefined && { group }) };
}

function readDiffIds(document: Document, what: string): readonly string[] {
  const rootfs = own(document, 'rootfs');
  if (!isObject(rootfs) || own(rootfs, 'type') !== 'layers')
    throw invalid(what, 'its config has no rootfs of type "layers"');
  const diffIds = optionalTexts(rootfs, 'diff_ids', what);
  if (diffIds.length > maxLayers)
    throw invalid(what, `its config lists ${diffIds.length} layers; ${maxLayers} are allowed`);
  if (!diffIds.every(isDigest)) throw invalid(what, 'its config lists a layer without a valid digest');
  return diffIds;
}

function problemsOf(config: ImageConfig): readonly Problem[] {
  const problems: Problem[] = [];
  const check = (path: string, ok: boolean, message: string): void => {
    if (!ok) problems.push({ path: `config.${path}`, message });
  };
  const { workingDir, entrypoint, cmd, env, user, stopSignal } = config;
  const resolved = posix.normalize(workingDir);
  check('WorkingDir', workingDir.startsWith('/'), 'must be an absolute path');
  check('WorkingDir', !workingDir.split('/').includes('..'), 'must not contain ".."');
  const forbidden = forbiddenRoots.find((root) => resolved === root || resolved.startsWith(`${root}/`));
  check('WorkingDir', forbidden === undefined, `must not lie under ${forbidden}`);
  check('WorkingDir', Buffer.byteLength(workingDir) < maxPathBytes, `must be shorter than ${maxPathBytes} bytes`);
  const command = bytesOf([...entrypoint, ...cmd]);
  check('Cmd', command <= maxCommandBytes, `takes ${command} bytes with Entrypoint; ${maxCommandBytes} are allowed`);
  check('Env', env.length <= maxEnvEntries, `has ${env.length} entries; ${maxEnvEntries} are allowed`);
  const bytes = bytesOf(env);
  check('Env', bytes <= maxEnvBytes, `takes ${bytes} bytes; ${maxEnvBytes} are allowed`);
  const bare = env.findIndex((entry) => entry.indexOf('=') < 1);
  check(`Env.${bare}`, bare < 0, 'must be NAME=value');
  check('User', splitUser(user) !== undefined, `must be a name or an id from 0 to ${maxId}, with ":group" if wanted`);
  check('StopSignal', isSignal(stopSignal), 'must be a signal name or a number from 1 to 64');
  for (const key of ['entrypoint', 'cmd', 'env'] as const) {
    check(key, !config[key].some((text) => text.includes('\0')), 'must not contain a NUL character');
  }
  check('WorkingDir', !workingDir.includes('\0'), 'must not contain a NUL character');
  return problems;
}

/** As an array of C has them. */
function bytesOf(texts: readonly string[]): number {
  return texts.reduce((sum, text) => sum + Buffer.byteLength(text) + 1, 0);
}

function isSignal(text: string): boolean {
  if (/^\d{1,2}$/.test(text)) return Number(text) >= 1 && Number(text) <= 64;
  if (/^SIGRT(?:MIN(?:\+(?:[1-9]|[12]\d|30))?|MAX(?:-(?:[1-9]|[12]\d|30))?)$/.test(text)) return true;
  return Object.hasOwn(constants.signals, text);
}
