import { Agent } from 'node:http';
import { Agent as HttpsAgent } from 'node:https';
import { InfrastructureError, UserError } from '../../base/errors.ts';
import type { HostSettings } from '../hosts/types.ts';
import { isLoopbackHost } from '../reference.ts';
import { type AddressKind, AddressRefused, addressKind, checkLiteral, guardedLookup } from './address.ts';
import { discard, type Headers, type HttpResponse, send } from './http.ts';
import { ownTls, trustOf } from './tls.ts';
import { Transient } from './transient.ts';

export interface TransportRequest {
  readonly url: URL;
  readonly method: 'GET' | 'HEAD' | 'POST';
  readonly body?: string;
  readonly headers: Headers;
  readonly signal: AbortSignal;
  readonly timeoutMs: number;
}

const maxSockets = 8;
const maxRedirects = 5;
const redirects = new Set([301, 302, 303, 307, 308]);

/**
 * HTTP towards one host of a registry and whatever others it names. Plain http only to loopback hosts; redirects are followed by hand, at
 * most five, never from https to http and never with a body; once the origin changes, nothing goes along but what is wanted. Other hosts
 * must have public addresses, unless the first one is on an internal one itself; link-local addresses are never reached on a registry's
 * word, nor on a reference's, only on the operator's. What the host is shown (certificate, headers of its table) is for its origin alone,
 * as is a certificate that is not verified; authorities that are trusted hold for all that it names.
 */
export class Transport implements Disposable {
  readonly #settings: HostSettings;
  readonly #http = new Agent({ keepAlive: true, maxSockets });
  #own: HttpsAgent | undefined;
  #others: HttpsAgent | undefined;
  #allowed: readonly AddressKind[];

  constructor(settings: HostSettings) {
    this.#settings = settings;
    this.#allowed = isLoopbackHost(settings.origin.host) ? ['public', 'internal'] : ['public'];
  }

  /** @throws Transient, InfrastructureError for a redirect or an address that is refused, or the signal's reason. */
  async request(request: TransportRequest): Promise<HttpResponse> {
    const { origin, headers: ours } = this.#settings;
    let { url } = request;
    const usual = { 'user-agent': 'componentd', ...request.headers };
    let headers: Headers = url.origin === origin.origin ? { ...usual, ...ours, ...request.headers } : usual;
    for (let followed = 0; ; followed += 1) {
      const response = await this.#send({ ...request, url, headers });
      const { location } = response.headers;
      if (!redirects.has(response.status) || location === undefined) return response;
      discard(response);
      if (request.method === 'POST')
        throw new InfrastructureError(`${url.host} redirects what was posted to it, which is refused`, {
          reason: 'redirect_refused',
        });
      if (followed === maxRedirects)
        throw new InfrastructureError(`${url.host} redirects more than ${maxRedirects} times`);
      const next = redirectTarget(url, location);
      if (next.origin !== url.origin) headers = forStrangers(usual);
      url = next;
    }
  }

  [Symbol.dispose](): void {
    for (const agent of [this.#http, this.#own, this.#others]) agent?.destroy();
  }

  async #send(request: TransportRequest & { readonly headers: Headers }): Promise<HttpResponse> {
    const { url } = request;
    const { origin, connectTimeoutMs } = this.#settings;
    if (request.timeoutMs <= 0) throw new Transient(`${url.host} did not answer in time`);
    const isOwn = url.origin === origin.origin;
    const agent = url.protocol === 'http:' ? this.#http : isOwn ? this.#ownAgent() : this.#otherAgent();
    const allowed = isOwn ? this.#ownAddresses() : this.#allowed;
    try {
      checkLiteral(url.hostname, allowed);
      const bounds = isOwn ? { connectTimeoutMs } : {};
      const response = await send({ ...request, ...bounds, agent, lookup: guardedLookup(allowed) });
      const { address } = response;
      if (isOwn && address !== undefined && addressKind(address) === 'internal') this.#allowed = ['public', 'internal'];
      return response;
    } catch (error) {
      if (!(error instanceof AddressRefused)) throw error;
      throw isOwn ? this.#refusedItself(error) : this.#refusedOther(error);
    }
  }

  #ownAgent(): HttpsAgent {
    this.#own ??= new HttpsAgent({ keepAlive: true, maxSockets, ...ownTls(this.#settings.tls) });
    return this.#own;
  }

  #otherAgent(): HttpsAgent {
    this.#others ??= new HttpsAgent({ keepAlive: true, maxSockets, ...trustOf(this.#settings.tls) });
    return this.#others;
  }

  #ownAddresses(): readonly AddressKind[] {
    return this.#settings.isConfigured ? ['public', 'internal', 'link-local'] : ['public', 'internal'];
  }

  #refusedItself({ message }: AddressRefused): UserError {
    return new UserError(`the registry ${this.#settings.origin.host} is refused: ${message}`, {
      reason: 'address_refused',
      hint: `An operator can allow it by naming it as server in ${this.#settings.file}.`,
    });
  }

  #refusedOther({ message }: AddressRefused): InfrastructureError {
    const { host } = this.#settings.origin;
    return new InfrastructureError(`the registry ${host} names a host that is refused: ${message}`, {
      reason: 'address_refused',
    });
  }
}

function redirectTarget(from: URL, location: string): URL {
  if (!URL.canParse(location, from.href))
    throw new InfrastructureError(`${from.host} redirects to something that is no URL`);
  const target = new URL(location, from);
  target.username = '';
  target.password = '';
  const allowed =
    target.protocol === 'https:' ||
    (target.protocol === 'http:' && from.protocol === 'http:' && isLoopbackHost(target.host));
  if (!allowed) {
    throw new InfrastructureError(
      `${from.host} redirects to ${target.protocol}//${target.host}, which is refused: https must stay https`,
      {
        reason: 'redirect_refused',
      },
    );
  }
  return target;
}

function forStrangers(headers: Headers): Headers {
  return Object.fromEntries(Object.entries(headers).filter(([name]) => /^(?:accept|range|user-agent)$/.test(name)));
}
