import { untilAborted } from '../base/abort.ts';
import type { Containerd } from '../containerd/client.ts';
import { createContainer } from './create.ts';
import { createEngine, type Engine, type RuntimeOptions } from './engine.ts';
import { removeContainer } from './remove.ts';
import { stopTask } from './stop.ts';
import { awaitExit, lost, startTask, taskStatus } from './task.ts';
import { recordedTraces, type Traces } from './traces.ts';
import type { Container, Runtime, TaskExit, TaskStatus, Usage } from './types.ts';
import { taskUsage } from './usage.ts';

/** Runs containers through `client`, in its namespace. Asks at once what the first container will need to know. */
export function createRuntime(client: Containerd, options: RuntimeOptions): Runtime {
  const engine = createEngine(client, options);
  engine.facts().catch(() => undefined);
  return {
    async create(request) {
      return new TaskContainer(engine, await createContainer(engine, request));
    },
    async open(id) {
      const [status, traces] = await Promise.all([taskStatus(client, id), recordedTraces(client, id)]);
      return status === undefined ? undefined : new TaskContainer(engine, traces);
    },
    async remove(id) {
      await removeContainer(engine, await recordedTraces(client, id));
    },
  };
}

class TaskContainer implements Container {
  readonly id: string;
  readonly #engine: Engine;
  readonly #traces: Traces;
  #exit: Promise<TaskExit> | undefined;

  constructor(engine: Engine, traces: Traces) {
    this.id = traces.id;
    this.#engine = engine;
    this.#traces = traces;
  }

  async status(): Promise<TaskStatus> {
    const status = await taskStatus(this.#engine.client, this.id);
    if (status === undefined) throw lost(this.id);
    return status;
  }

  async start(): Promise<void> {
    this.#exited();
    await startTask(this.#engine.client, this.id);
  }

  async wait(signal?: AbortSignal): Promise<TaskExit> {
    return signal === undefined ? await this.#exited() : await untilAborted(this.#exited(), signal);
  }

  async stop(graceMs: number): Promise<void> {
    const { client } = this.#engine;
    const { cgroups } = await this.#engine.facts();
    await stopTask(client, { id: this.id, graceMs, exited: this.#exited(), cgroups, cgroup: this.#traces.cgroup });
  }

  async usage(): Promise<Usage> {
    const { cgroups } = await this.#engine.facts();
    return await taskUsage(this.#engine.client, this.id, { cgroups, cgroup: this.#traces.cgroup });
  }

  async remove(): Promise<void> {
    await removeContainer(this.#engine, this.#traces);
  }

  /** One `Wait` for all who ask; after a failure the next one asks again. */
  #exited(): Promise<TaskExit> {
    if (this.#exit === undefined) {
      const exit = awaitExit(this.#engine.client, this.id);
      exit.catch(() => {
        this.#exit = undefined;
      });
      this.#exit = exit;
    }
    return this.#exit;
  }
}
