import { InfrastructureError } from '../../base/errors.ts';
import type { Emit } from '../../base/events.ts';
import { defaultHostsDirectory, readHosts } from '../hosts/directory.ts';
import type { Reference } from '../reference.ts';
import type { CredentialSource } from '../types.ts';
import { adviceForSilence } from './advice.ts';
import { type HostFailure, isAbsence, isHostFailure, oneFailure } from './failures.ts';
import { type Ask, Host } from './host.ts';
import type { HttpResponse } from './http.ts';
import { Transient, withRetries } from './transient.ts';

export interface HostsOptions {
  readonly reference: Reference;
  /** Asked once for each host, and only when it wants to know who is there. */
  readonly credentials: CredentialSource | undefined;
  /** Where the operator says which hosts serve the registry, as `readHosts` reads it; containerd's own place when absent. */
  readonly hostsDirectory?: string | undefined;
  /** Hears of a host that failed where another one helped. */
  readonly emit?: Emit;
  readonly signal: AbortSignal;
}

/** A registry that is down is known to be down within this time, whatever it does or does not do, and however many hosts it has. */
const budgetMs = 27_000;
const attempts = 5;

/**
 * The hosts that serve one repository, in the operator's order. Each request is tried at one after the other; a host that failed comes last
 * from then on. What may pass is tried again when no host is left, and only at those where it may.
 */
export class Hosts implements Disposable {
  readonly #options: HostsOptions;
  readonly #hosts: Host[] = [];
  readonly #failed = new Set<Host>();
  readonly #told = new Set<Host>();
  #loading: Promise<void> | undefined;

  constructor(options: HostsOptions) {
    this.#options = options;
  }

  /** Asks until there is an answer worth reading (2xx, or a HEAD that should be a GET) and hands it to `read`, within the retry bounds. */
  async ask<T>(ask: Ask, read: (response: HttpResponse, host: Host) => Promise<T>): Promise<T> {
    const { reference, signal } = this.#options;
    const hosts = await this.#hostsFor(ask);
    const failures = new Map<Host, HostFailure>();
    try {
      return await withRetries({ signal, budgetMs, attempts, firstDelayMs: 250 }, async (remainingMs) => {
        const end = performance.now() + remainingMs;
        const rest = hosts.filter((host) => mayDoBetter(failures.get(host)));
        for (const [index, host] of rest.entries()) {
          try {
            const fairShareMs = (end - performance.now()) / (rest.length - index);
            const value = await read(await host.ask(ask, fairShareMs), host);
            this.#tell(failures, host);
            return value;
          } catch (error) {
            signal.throwIfAborted();
            if (!isHostFailure(error)) throw error;
            if (!(ask.isOptional && isAbsence(error))) this.blame(host);
            failures.set(host, error);
          }
        }
        throw oneFailure(hosts.flatMap((host) => failures.get(host) ?? []));
      });
    } catch (error) {
      if (!(error instanceof Transient)) throw error;
      const hint = error.hint ?? (error.answered ? undefined : adviceForSilence(hosts));
      throw new InfrastructureError(
        `the registry ${reference.domain} cannot serve ${reference.name}: ${error.message}`,
        {
          cause: error,
          reason: 'registry_unavailable',
          ...(hint !== undefined && { hint }),
        },
      );
    }
  }

  /** Whether one of the hosts is shown who asks by what the operator has for it, without a question for credentials. */
  get areShownWho(): boolean {
    return this.#hosts.some(
      ({ settings: { headers, tls } }) => tls.identities.length > 0 || Object.keys(headers).length > 0,
    );
  }

  /** The host comes last from now on. */
  blame(host: Host): void {
    this.#failed.add(host);
  }

  [Symbol.dispose](): void {
    for (const host of this.#hosts) host[Symbol.dispose]();
  }

  /** Those that may be asked, in the order of the configuration; who failed already, last. */
  async #hostsFor({ path }: Ask): Promise<readonly Host[]> {
    this.#loading ??= this.#load();
    await this.#loading;
    const [, tag] = /^manifests\/([^:]+)$/.exec(path) ?? [];
    const able = this.#hosts.filter(({ settings }) => (tag === undefined ? settings.pull : settings.resolve));
    if (able.length > 0) return able.sort((a, b) => Number(this.#failed.has(a)) - Number(this.#failed.has(b)));
    const what = tag === undefined ? 'content may be pulled' : `the tag ${tag} may be resolved`;
    const file = this.#hosts[0]?.settings.file;
    throw new InfrastructureError(
      `${file} names no host of the registry ${this.#options.reference.domain} where ${what}`,
      {
        reason: 'registry_hosts',
        hint: `Give one of them the capabilities "pull"${tag === undefined ? '' : ' and "resolve", or refer to a digest'}.`,
      },
    );
  }

  async #load(): Promise<void> {
    const { reference, credentials, signal, hostsDirectory = defaultHostsDirectory } = this.#options;
    const found = await readHosts(hostsDirectory, reference.domain);
    this.#hosts.push(...found.map((settings) => new Host({ settings, reference, credentials, signal })));
  }

  /** An operator whose mirror is of no use wants to know, once; that it has not everything is its nature. */
  #tell(failures: Map<Host, HostFailure>, host: Host): void {
    for (const [failed, failure] of failures) {
      if (failed === host || isAbsence(failure) || this.#told.has(failed)) continue;
      this.#told.add(failed);
      const message = `${failure.message}; ${host.name} serves ${this.#options.reference.name} instead`;
      this.#options.emit?.({ type: 'message', level: 'warning', message });
    }
  }
}

function mayDoBetter(failure: HostFailure | undefined): boolean {
  return failure === undefined || failure instanceof Transient;
}
