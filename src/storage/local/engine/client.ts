import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { ApplicationError, InfrastructureError, UserError } from '../../../base/errors.ts';
import type { EngineCall, EngineCalls, EngineFailure, EngineSettings, FromEngine, ToEngine } from './protocol.ts';

interface Pending {
  readonly resolve: (answer: unknown) => void;
  readonly reject: (error: Error) => void;
}

/** A child process for tables, started with the first call and again after it was lost. Data never passes through this process. */
export class Engine {
  readonly #entry: string;
  readonly #settings: EngineSettings;
  readonly #pending = new Map<number, Pending>();
  #child: ChildProcess | undefined;
  #lastId = 0;

  /** `entry`: the path of engine/main.ts, or of what it was bundled into. */
  constructor(entry: string, settings: EngineSettings) {
    this.#entry = entry;
    this.#settings = settings;
  }

  /** The process id of the child, if one runs. */
  get pid(): number | undefined {
    return this.#child?.pid;
  }

  /** @throws the signal's reason, UserError, the system's own errors with their code, or InfrastructureError when the engine is lost */
  async call<Name extends EngineCall>(
    name: Name,
    request: EngineCalls[Name][0],
    signal?: AbortSignal,
  ): Promise<EngineCalls[Name][1]> {
    signal?.throwIfAborted();
    this.#child ??= this.#start();
    const child = this.#child;
    this.#lastId += 1;
    const id = this.#lastId;
    const { promise, resolve, reject } = Promise.withResolvers<unknown>();
    this.#pending.set(id, { resolve, reject });
    const cancel = (): void => send(child, { cancel: id });
    signal?.addEventListener('abort', cancel, { once: true });
    try {
      send(child, { id, settings: this.#settings, call: name, request });
      return (await promise) as EngineCalls[Name][1];
    } catch (error) {
      signal?.throwIfAborted();
      throw error;
    } finally {
      signal?.removeEventListener('abort', cancel);
      this.#pending.delete(id);
    }
  }

  async close(): Promise<void> {
    const child = this.#child;
    if (child === undefined) return;
    const exited = once(child, 'exit');
    child.kill('SIGKILL');
    await exited;
  }

  #start(): ChildProcess {
    const child = fork(this.#entry, [], {
      env: {},
      // A session of its own: Ctrl-C at the terminal is for us, who then tell the engine.
      detached: true,
      execArgv: [],
      serialization: 'json',
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    });
    let complaint = '';
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      complaint = (complaint + text).slice(-2000);
    });
    const lost = (how: string): void => {
      if (this.#child === child) this.#child = undefined;
      for (const { reject } of this.#pending.values()) {
        const said = lastWords(complaint);
        reject(new InfrastructureError(`the table engine ${how}${said === '' ? '' : `: ${said}`}`));
      }
    };
    child.once('error', (error) => lost(`did not start: ${error.message}`));
    child.once('exit', (code, signal) => lost(`ended with ${signal ?? `exit code ${code}`}`));
    child.on('message', (message: FromEngine) => {
      const pending = this.#pending.get(message.id);
      if ('answer' in message) pending?.resolve(message.answer);
      else pending?.reject(errorOf(message.failure));
    });
    return child;
  }
}

/** What a process said at its end: its error without the code and the frames around it, which say nothing to an operator. */
function lastWords(text: string): string {
  const lines = text.split('\n');
  return (
    lines.findLast((line) => /^\w*Error\b/.test(line)) ??
    lines
      .filter((line) => !/^\s+at /.test(line))
      .join(' ')
      .trim()
  );
}

function send(child: ChildProcess, message: ToEngine): void {
  // A child that is gone is reported by its exit.
  if (child.connected) child.send(message, () => undefined);
}

function errorOf(failure: EngineFailure): Error {
  switch (failure.kind) {
    case 'user': {
      const { message, problems, hint } = failure;
      return new UserError(message, { problems, ...(hint !== undefined && { hint }) });
    }
    case 'cancelled':
      return new ApplicationError('the table engine was told to stop');
    case 'other':
      // An error of the system keeps its code: it says who must act.
      if (failure.code !== undefined) {
        const { message, code, path } = failure;
        return Object.assign(new Error(message), { code, ...(path !== undefined && { path }) });
      }
      return new InfrastructureError(`the table engine failed: ${failure.message}`);
  }
}
