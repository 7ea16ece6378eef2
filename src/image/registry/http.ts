import {
  type Agent,
  type ClientRequest,
  type IncomingHttpHeaders,
  type IncomingMessage,
  type OutgoingHttpHeaders,
  request as requestHttp,
} from 'node:http';
import { request as requestHttps } from 'node:https';
import type { LookupFunction } from 'node:net';
import { InfrastructureError } from '../../base/errors.ts';
import { AddressRefused } from './address.ts';
import { Transient } from './transient.ts';

/** By lower-case name. */
export type Headers = Readonly<Record<string, string | readonly string[]>>;

export interface HttpRequest {
  readonly url: URL;
  readonly method: 'GET' | 'HEAD' | 'POST';
  /** Sent as it is; only POST has one. */
  readonly body?: string;
  readonly headers: Headers;
  readonly signal: AbortSignal;
  readonly agent: Agent;
  /** Bound of the time until the headers of the answer are here, connecting included. */
  readonly timeoutMs: number;
  /** Bound of the time until a connection is there; 10 s unless told otherwise. */
  readonly connectTimeoutMs?: number;
  readonly lookup?: LookupFunction;
}

export interface HttpResponse {
  readonly url: URL;
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  /** Address of the peer, when known. */
  readonly address: string | undefined;
  readonly body: IncomingMessage;
}

const defaultConnectTimeoutMs = 10_000;
const idleTimeoutMs = 30_000;
/** A body of which less comes while it is waited for is not worth the waiting. */
const leastPace = { bytes: 64 * 1024, withinMs: 60_000 } as const;

/**
 * Sends one request and answers when the headers are here; redirects are answers like any other. The caller reads or destroys the body.
 * @throws Transient when the network failed or a time limit passed, AddressRefused, or the signal's reason.
 */
export async function send(request: HttpRequest): Promise<HttpResponse> {
  const { url, method, headers, signal, agent, lookup } = request;
  signal.throwIfAborted();
  const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>();
  const options = {
    method,
    agent,
    signal,
    headers: { ...(headers as OutgoingHttpHeaders), 'accept-encoding': 'identity' },
    ...(lookup && { lookup }),
  };
  const outgoing: ClientRequest = url.protocol === 'https:' ? requestHttps(url, options) : requestHttp(url, options);
  const expire = (what: string, ms: number): NodeJS.Timeout =>
    setTimeout(() => outgoing.destroy(new Transient(`${url.host} ${what} within ${Math.round(ms / 100) / 10} s`)), ms);
  let connecting: NodeJS.Timeout | undefined;
  const answering = expire('did not answer', request.timeoutMs);
  outgoing.on('socket', (socket) => {
    if (!socket.connecting) return;
    connecting = expire('did not accept a connection', request.connectTimeoutMs ?? defaultConnectTimeoutMs);
    socket.once(url.protocol === 'https:' ? 'secureConnect' : 'connect', () => clearTimeout(connecting));
  });
  outgoing.on('response', resolve);
  outgoing.on('error', reject);
  outgoing.end(request.body);
  try {
    const body = await promise;
    return { url, status: body.statusCode ?? 0, headers: body.headers, address: body.socket.remoteAddress, body };
  } catch (error) {
    signal.throwIfAborted();
    throw asTransient(url, error);
  } finally {
    clearTimeout(connecting);
    clearTimeout(answering);
  }
}

/**
 * The bytes of a body as they come. Time that the reader takes does not count as idle. `onBreak` is called before a Transient is thrown.
 * @throws Transient when nothing comes for 30 s, less than 64 KiB within a minute, or the connection breaks; or the signal's reason.
 */
export async function* readBody(
  response: HttpResponse,
  signal: AbortSignal,
  onBreak?: () => void,
): AsyncGenerator<Buffer> {
  const chunks = response.body[Symbol.asyncIterator]() as AsyncIterator<Buffer>;
  const { host } = response.url;
  let pace = { bytes: 0, waitedMs: 0 };
  let waiting = false;
  // One timer for the whole body: there are thousands of pieces.
  const idle = setTimeout(() => {
    if (waiting) response.body.destroy(new Transient(`${host} sent nothing for ${idleTimeoutMs / 1000} s`));
  }, idleTimeoutMs);
  try {
    for (;;) {
      const asked = performance.now();
      idle.refresh();
      waiting = true;
      const result = await chunks.next();
      waiting = false;
      signal.throwIfAborted();
      if (result.done) return;
      pace = { bytes: pace.bytes + result.value.length, waitedMs: pace.waitedMs + performance.now() - asked };
      if (pace.bytes >= leastPace.bytes) pace = { bytes: 0, waitedMs: 0 };
      else if (pace.waitedMs > leastPace.withinMs)
        throw new Transient(`${host} sent only ${pace.bytes} bytes within a minute`);
      yield result.value;
    }
  } catch (error) {
    signal.throwIfAborted();
    const known = asTransient(response.url, error);
    if (known instanceof Transient) onBreak?.();
    throw known;
  } finally {
    clearTimeout(idle);
    response.body.destroy();
  }
}

export interface BodyBounds {
  readonly limit: number;
  /** A body that trickles in more slowly than this is as bad as none. */
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
}

/**
 * The whole body, or `undefined` when it is longer than `limit` bytes. However small its pieces are, they take no more memory than twice that.
 * @throws Transient when the connection breaks or the time is over, or the signal's reason
 */
export async function readWhole(
  { url, body }: HttpResponse,
  { limit, timeoutMs, signal }: BodyBounds,
): Promise<Buffer | undefined> {
  let whole = Buffer.allocUnsafe(Math.min(limit, 16_384));
  let size = 0;
  const { promise, resolve, reject } = Promise.withResolvers<Buffer | undefined>();
  const late = setTimeout(
    () => body.destroy(new Transient(`${url.host} did not finish its answer in time`)),
    timeoutMs,
  );
  // An iterator would keep a body of single bytes in as many objects.
  body.on('data', (chunk: Buffer) => {
    if (size + chunk.length > limit) return resolve(undefined);
    if (size + chunk.length > whole.length) {
      const larger = Buffer.allocUnsafe(Math.min(limit, Math.max(2 * whole.length, size + chunk.length)));
      whole.copy(larger, 0, 0, size);
      whole = larger;
    }
    size += chunk.copy(whole, size);
  });
  body.once('end', () => resolve(whole.subarray(0, size)));
  body.once('close', () => reject(new Transient(`${url.host} ended its answer too early`)));
  body.on('error', reject);
  try {
    return await promise;
  } catch (error) {
    signal.throwIfAborted();
    throw asTransient(url, error);
  } finally {
    clearTimeout(late);
    body.destroy();
  }
}

/** Lets go of an answer whose body nobody wants; a short one is drained so that its connection can be used again. */
export function discard(response: HttpResponse): void {
  response.body.on('error', () => {});
  if (Number(response.headers['content-length'] ?? Number.POSITIVE_INFINITY) <= 65_536) response.body.resume();
  else response.body.destroy();
}

/** What another try cannot mend is an error of its own, with a reason; everything else that has a code is of the network. */
function asTransient(url: URL, error: unknown): unknown {
  if (error instanceof Transient || error instanceof AddressRefused) return error;
  const { code, message } = error as NodeJS.ErrnoException;
  if (code === undefined) return error;
  const known = lasting(code, message);
  if (known === undefined) return new Transient(`${url.host}: ${message}`, { cause: error });
  const [reason, text] = known;
  return new InfrastructureError(text.replace('HOST', url.host), { cause: error, reason });
}

function lasting(code: string, message: string): readonly [string, string] | undefined {
  if (code === 'ENOTFOUND') return ['host_unknown', 'the host HOST is not known'];
  if (/^(?:CERT_|DEPTH_ZERO_|SELF_SIGNED_|UNABLE_TO_|INVALID_|HOSTNAME_MISMATCH|ERR_TLS_)/.test(code))
    return [
      'certificate_refused',
      `the certificate of HOST is refused: ${message.replace(/; if the root CA.*$/s, '')}`,
    ];
  if (code === 'HPE_HEADER_OVERFLOW')
    return ['header_overflow', 'HOST answered with more headers than any answer needs'];
  if (code.startsWith('HPE_')) return ['not_http', 'what listens at HOST does not speak plain http'];
  if (/wrong.version.number|packet.length.too.long/i.test(code + message))
    return ['not_tls', 'what listens at HOST does not speak TLS'];
  // Which alert comes depends on the server: that it wants another certificate is what it says with each.
  if (/alert.(?:certificate|bad.certificate|unknown.ca|handshake.failure|access.denied)/i.test(code + message))
    return ['certificate_wanted', 'HOST wants to be shown another certificate than it was'];
  return undefined;
}
