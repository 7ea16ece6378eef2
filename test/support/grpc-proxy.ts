import http2 from 'node:http2';
import net from 'node:net';
import { join } from 'node:path';
import type { PrivateContainerd } from './containerd.ts';

/** A call that passes: its method as `Tasks.Create`. Awaited before the call goes on. */
type Hook = (method: string) => Promise<void> | void;

/** Stands between clients and a containerd, sees every call, and can end both. */
export interface GrpcProxy extends AsyncDisposable {
  readonly address: string;
  /** Called before a call reaches the daemon. */
  before: Hook;
  /** Called when the daemon has answered and the client does not know yet. */
  after: Hook;
  /** Kills the daemon with every connection, and starts it again. */
  restartDaemon(): Promise<void>;
}

export async function startGrpcProxy(daemon: PrivateContainerd): Promise<GrpcProxy> {
  const address = join(daemon.directory, 'proxy.sock');
  /** A killed daemon says nothing: connections end without a frame. */
  const connections = new Set<net.Socket>();
  let upstream: http2.ClientHttp2Session | undefined;
  let server: http2.Http2Server | undefined;

  const keep = (connection: net.Socket): net.Socket => {
    connections.add(connection);
    connection.on('error', () => undefined);
    connection.once('close', () => connections.delete(connection));
    return connection;
  };
  const listen = async (): Promise<void> => {
    server = http2.createServer();
    server.on('connection', keep);
    server.on('session', (session) => session.on('error', () => undefined));
    server.on('sessionError', () => undefined);
    server.on('stream', (stream, headers) => {
      stream.on('error', () => undefined);
      relay(stream, headers).catch(() => stream.destroy());
    });
    await new Promise<void>((resolve) => server?.listen(address, resolve));
  };
  const cut = (): void => {
    server?.close();
    for (const connection of connections) connection.destroy();
    upstream = undefined;
  };
  const connect = (): http2.ClientHttp2Session => {
    if (upstream === undefined || upstream.destroyed) {
      upstream = http2.connect('http://localhost', { createConnection: () => keep(net.connect(daemon.address)) });
      upstream.on('error', () => undefined);
    }
    return upstream;
  };
  const relay = async (stream: http2.ServerHttp2Stream, headers: http2.IncomingHttpHeaders): Promise<void> => {
    const method = (headers[':path'] ?? '').replace(/^\/(?:.*\.)?([^./]+)\/([^/]+)$/, '$1.$2');
    await proxy.before(method);
    if (stream.destroyed) return;
    const call = connect().request({ ...headers, ':authority': 'localhost' });
    call.on('error', () => stream.destroy());
    stream.once('close', () => call.close());
    stream.pipe(call);
    let ending: http2.IncomingHttpHeaders = {};
    call.on('response', (response, flags) => {
      // What ends with its headers is an error without a body.
      const endsHere = (flags & http2.constants.NGHTTP2_FLAG_END_STREAM) !== 0;
      if (endsHere)
        Promise.resolve(proxy.after(method)).then(() => alive(stream)?.respond(response, { endStream: true }));
      else stream.respond(response, { waitForTrailers: true });
    });
    stream.on('wantTrailers', () => stream.sendTrailers(withoutPseudo(ending)));
    call.on('trailers', (trailers) => {
      ending = trailers;
    });
    call.on('data', (chunk: Buffer) => alive(stream)?.write(chunk));
    call.on('end', () => {
      if (!stream.headersSent || stream.destroyed) return;
      Promise.resolve(proxy.after(method)).then(() => alive(stream)?.end());
    });
  };
  const proxy: GrpcProxy = {
    address,
    before: () => undefined,
    after: () => undefined,
    restartDaemon: async () => {
      cut();
      await daemon.kill();
      await daemon.start();
      await listen();
    },
    [Symbol.asyncDispose]: async () => cut(),
  };
  await listen();
  return proxy;
}

function alive(stream: http2.ServerHttp2Stream): http2.ServerHttp2Stream | undefined {
  return stream.destroyed || stream.closed ? undefined : stream;
}

function withoutPseudo(headers: http2.IncomingHttpHeaders): http2.OutgoingHttpHeaders {
  return Object.fromEntries(Object.entries(headers).filter(([name]) => !name.startsWith(':')));
}
