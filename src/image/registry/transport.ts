import { Agent } from 'node:http';
import { Agent as HttpsAgent } from 'node:https';
import { InfrastructureError } from '../../base/errors.ts';
import { isLoopbackHost } from '../reference.ts';
import { type AddressKind, AddressRefused, addressKind, checkLiteral, guardedLookup } from './address.ts';
import { discard, type HttpResponse, send } from './http.ts';
import { Transient } from './transient.ts';

export interface TransportRequest {
  readonly url: URL;
  readonly method: 'GET' | 'HEAD' | 'POST';
  readonly body?: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly signal: AbortSignal;
  readonly timeoutMs: number;
}

const maxRedirects = 5;
const redirects = new Set([301, 302, 303, 307, 308]);

/**
 * HTTP towards one registry and whatever hosts it names. Plain http only to loopback hosts; redirects are followed by hand, at most five,
 * never from https to http, never with a body, and without `authorization` once the origin changes. Hosts other than the registry's own must have public
 * addresses, unless the registry itself is on an internal one; link-local addresses are never reached on a registry's word.
 */
export class Transport implements Disposable {
  readonly #registry: URL;
  readonly #http = new Agent({ keepAlive: true, maxSockets: 8 });
  readonly #https = new HttpsAgent({ keepAlive: true, maxSockets: 8 });
  #allowed: readonly AddressKind[] = ['public'];

  constructor(registry: URL) {
    this.#registry = registry;
    if (isLoopbackHost(registry.host)) this.#allowed = ['public', 'internal'];
  }

  /** @throws Transient, InfrastructureError for a redirect or an address that is refused, or the signal's reason. */
  async request(request: TransportRequest): Promise<HttpResponse> {
    let { url, headers } = request;
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
      if (next.origin !== url.origin) headers = withoutAuthorization(headers);
      url = next;
    }
  }

  [Symbol.dispose](): void {
    this.#http.destroy();
    this.#https.destroy();
  }

  async #send(request: TransportRequest): Promise<HttpResponse> {
    const { url } = request;
    if (request.timeoutMs <= 0) throw new Transient(`${url.host} did not answer in time`);
    const agent = url.protocol === 'https:' ? this.#https : this.#http;
    if (url.host === this.#registry.host) {
      const response = await send({ ...request, agent });
      if (response.address !== undefined && addressKind(response.address) === 'internal')
        this.#allowed = ['public', 'internal'];
      return response;
    }
    try {
      checkLiteral(url.hostname, this.#allowed);
      return await send({ ...request, agent, lookup: guardedLookup(this.#allowed) });
    } catch (error) {
      if (!(error instanceof AddressRefused)) throw error;
      throw new InfrastructureError(
        `the registry ${this.#registry.host} names a host that is refused: ${error.message}`,
        {
          reason: 'address_refused',
        },
      );
    }
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

function withoutAuthorization(headers: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  return Object.fromEntries(Object.entries(headers).filter(([name]) => name !== 'authorization'));
}
