import { InfrastructureError } from '../base/errors.ts';

/** The gRPC status codes by number (gRPC status codes document); `OK` never reaches an error. */
const codes = [
  'OK',
  'CANCELLED',
  'UNKNOWN',
  'INVALID_ARGUMENT',
  'DEADLINE_EXCEEDED',
  'NOT_FOUND',
  'ALREADY_EXISTS',
  'PERMISSION_DENIED',
  'RESOURCE_EXHAUSTED',
  'FAILED_PRECONDITION',
  'ABORTED',
  'OUT_OF_RANGE',
  'UNIMPLEMENTED',
  'INTERNAL',
  'UNAVAILABLE',
  'DATA_LOSS',
  'UNAUTHENTICATED',
] as const;

export type Code = (typeof codes)[number];

/** containerd refused, failed or did not answer. `method` is the one of `gen/containerd.ts`, for example `Tasks.Create`. */
export class ContainerdError extends InfrastructureError {
  readonly code: Code;
  readonly method: string;
  /** The daemon's own words, for people and never for decisions. */
  readonly details: string;

  constructor(failure: Failure) {
    const { code, method, details, cause } = failure;
    const away = code === 'UNAVAILABLE' && !failure.answered;
    super(messageOf(failure), { cause, data: { code, method }, ...(away && { reason: 'unavailable' }) });
    this.code = code;
    this.method = method;
    this.details = details;
  }
}

interface Failure {
  readonly code: Code;
  readonly method: string;
  readonly details: string;
  /** Path of the daemon's socket. */
  readonly address: string;
  /** Whether the status came from the daemon; false when there is no connection to it. */
  readonly answered: boolean;
  readonly cause?: unknown;
}

/** The name of a gRPC status number; `UNKNOWN` for a number that has none. */
export function codeOf(status: number): Code {
  return codes[status] ?? 'UNKNOWN';
}

/** The object does not exist; also a task that was deleted and a signal to a process that has ended. */
export function isNotFound(error: unknown): error is ContainerdError {
  return hasCode(error, 'NOT_FOUND');
}

/** The object exists; for content, the blob is in this namespace already. */
export function isAlreadyExists(error: unknown): error is ContainerdError {
  return hasCode(error, 'ALREADY_EXISTS');
}

/** No connection to the daemon, or an ingest that another writer has locked. */
export function isUnavailable(error: unknown): error is ContainerdError {
  return hasCode(error, 'UNAVAILABLE');
}

/** Missing namespace, wrong digest or size at commit, a namespace or snapshot still in use. */
export function isFailedPrecondition(error: unknown): error is ContainerdError {
  return hasCode(error, 'FAILED_PRECONDITION');
}

/** This containerd does not have the service or method. */
export function isUnimplemented(error: unknown): error is ContainerdError {
  return hasCode(error, 'UNIMPLEMENTED');
}

export function hasCode(error: unknown, code: Code): error is ContainerdError {
  return error instanceof ContainerdError && error.code === code;
}

/** Of what the library tells about a connection, for people: the operating system's word, if there is one. */
function briefly(details: string): string {
  return /\bE[A-Z]{3,}\b/.exec(details)?.[0] ?? details;
}

function messageOf({ code, method, details, address, answered }: Failure): string {
  if (code === 'DEADLINE_EXCEEDED') return `containerd at ${address} did not answer ${method} in time: ${details}`;
  if (!answered)
    return `no connection to containerd at ${address} (${briefly(details)}); start containerd, or name another socket with --address`;
  if (code === 'UNIMPLEMENTED')
    return `containerd at ${address} has no ${method}: ${details}; it is too old, or the plugin is in disabled_plugins of its configuration`;
  return `containerd refused ${method}: ${details} (${code})`;
}
