/** One thing that is wrong, and where: `path` is a dotted path into `source` (a file, a flag, a manifest). */
export interface Problem {
  readonly message: string;
  readonly source?: string;
  readonly path?: string;
  readonly line?: number;
  readonly column?: number;
  /** What to do about it, as one sentence. */
  readonly hint?: string;
}

export interface ErrorOptions {
  readonly cause?: unknown;
  readonly problems?: readonly Problem[];
  readonly hint?: string;
  /** Machine-readable detail, for example `oom`, `timeout`, `lost`, `stuck`. */
  readonly reason?: string;
  readonly data?: Readonly<Record<string, unknown>>;
}

/** The taxonomy: who must act. `user` the job's author, `application` the component's author or us, `infrastructure` the operator. */
export type ErrorClass = 'user' | 'application' | 'infrastructure' | 'stopped' | 'usage';

abstract class ClassifiedError extends Error {
  abstract readonly class: ErrorClass;
  readonly problems: readonly Problem[];
  readonly hint: string | undefined;
  readonly reason: string | undefined;
  readonly data: Readonly<Record<string, unknown>>;

  constructor(message: string, options: ErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = new.target.name;
    this.problems = options.problems ?? [];
    this.hint = options.hint;
    this.reason = options.reason;
    this.data = options.data ?? {};
  }
}

export type { ClassifiedError };

/** The job's author can mend it: component exit 1, out of memory, timeout, bad configuration or mapping, unknown image. Never retried. */
export class UserError extends ClassifiedError {
  readonly class = 'user';
}

/** The component's author or we must mend it: component exit ≥ 2 and everything unknown. Its message stays internal; the id is shown. */
export class ApplicationError extends ClassifiedError {
  readonly class = 'application';
}

/** The operator must mend it: containerd away, disk full, a registry or Storage that answers 5xx, a task that was lost. */
export class InfrastructureError extends ClassifiedError {
  readonly class = 'infrastructure';
}

/** Nobody must act: a signal or a cancel. `signal` decides between exit codes 130 and 143. */
export class Stopped extends ClassifiedError {
  readonly class = 'stopped';
  readonly signal: 'SIGINT' | 'SIGTERM';
  constructor(signal: 'SIGINT' | 'SIGTERM', options: ErrorOptions = {}) {
    super(`stopped by ${signal}`, options);
    this.signal = signal;
  }
}

/** The command line itself is wrong. */
export class UsageError extends ClassifiedError {
  readonly class = 'usage';
}

const infrastructureErrno = new Set([
  'ENOSPC',
  'EDQUOT',
  'EIO',
  'EROFS',
  'EMFILE',
  'ENFILE',
  'ENOMEM',
  'ECONNREFUSED',
  'ECONNRESET',
]);

/** Those that say that this user cannot use a path of the machine; without a path they may be about anything. */
const pathErrno: Readonly<Record<string, string>> = {
  EACCES: 'Give the user who runs componentd access to it, or name another path.',
  EPERM: 'Give the user who runs componentd access to it, or name another path.',
  EROFS: 'Name a path on a file system that can be written.',
  ENOTDIR: 'A part of the path is a file: move it away, or name another path.',
  EISDIR: 'A folder is where a file is expected: move it away, or name another path.',
  ELOOP: 'Its symbolic links lead nowhere: name the real path.',
  ENAMETOOLONG: 'Name a shorter path.',
};

/** The one door from `unknown` into the taxonomy; decides by type and code, never by message text. */
export function classify(thrown: unknown): ClassifiedError {
  if (thrown instanceof ClassifiedError) return thrown;
  if (!(thrown instanceof Error)) return new ApplicationError(String(thrown), { hint: reportHint });
  const { code = '', path, syscall } = thrown as NodeJS.ErrnoException;
  const message = path === undefined || thrown.message.includes(path) ? thrown.message : `${thrown.message} at ${path}`;
  // A folder made with its parents is in nobody's way but a file's.
  const known = code === 'EEXIST' && syscall === 'mkdir' ? 'ENOTDIR' : code;
  const pathHint = path === undefined || !Object.hasOwn(pathErrno, known) ? undefined : pathErrno[known];
  if (pathHint === undefined && !infrastructureErrno.has(code)) {
    return new ApplicationError(message, { cause: thrown, hint: reportHint });
  }
  const isFull = code === 'ENOSPC' || code === 'EDQUOT';
  const hint = isFull ? 'Free some space, or choose another --state-dir.' : pathHint;
  return new InfrastructureError(message, { cause: thrown, ...(hint !== undefined && { hint }) });
}

const reportHint = 'This is a mistake in componentd: please report it, with this message and the command line.';

/** The only place where an error becomes an exit code. */
export function exitCodeOf(thrown: unknown): number {
  const error = classify(thrown);
  switch (error.class) {
    case 'user':
      return 1;
    case 'application':
      return 2;
    case 'infrastructure':
      return 3;
    case 'usage':
      return 64;
    case 'stopped':
      return (error as Stopped).signal === 'SIGTERM' ? 143 : 130;
  }
}

/** `a.b.c (line 3, column 5): message. Hint` — how a problem reads everywhere. */
export function formatProblem(problem: Problem): string {
  const position =
    problem.line === undefined ? '' : `:${problem.line}${problem.column === undefined ? '' : `:${problem.column}`}`;
  const place = [problem.source === undefined ? '' : `${problem.source}${position}`, problem.path ?? '']
    .filter((part) => part !== '')
    .join(': ');
  const hint = problem.hint === undefined ? '' : ` (${problem.hint})`;
  return `${place === '' ? '' : `${place}: `}${problem.message}${hint}`;
}

/** Problems in one line, as they stand at the end of an error's message. */
export function formatProblems(problems: readonly Problem[]): string {
  return problems.map(formatProblem).join('; ');
}

/** Throws one `UserError` that carries every problem, or returns when there is none. */
export function throwProblems(summary: string, problems: readonly Problem[]): void {
  if (problems.length === 0) return;
  throw new UserError(`${summary}: ${formatProblems(problems)}`, { problems });
}
