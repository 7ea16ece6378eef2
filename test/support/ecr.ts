import { createHash, createHmac, randomBytes } from 'node:crypto';
import { createServer, type IncomingMessage, type RequestListener, type ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';

/** A key that the endpoint knows, by its id. */
export interface KnownKey {
  readonly secret: string;
  readonly session?: string;
  readonly mood?: 'expired' | 'denied';
}

export interface Ecr {
  /** `127.0.0.1:<port>` */
  readonly host: string;
  readonly keys: Map<string, KnownKey>;
  /** Passwords given out so far, newest last. */
  readonly passwords: string[];
  /** Types of the answers that were none. */
  readonly refusals: string[];
  /** Of the next passwords. */
  lifeMs: number;
  nextPassword: () => string;
  /** Answers a request itself, and says so with true. */
  misbehave: (response: ServerResponse) => boolean;
  stop(): Promise<void>;
}

/** The part of ECR's API that gives out passwords, for one region. It believes nobody whose signature it has not worked out itself. */
export async function startEcr(region: string, tls?: { readonly key: Buffer; readonly cert: Buffer }): Promise<Ecr> {
  const answer: RequestListener = async (request, response) => {
    const body = await text(request);
    if (ecr.misbehave(response)) return;
    const refusal = refusalOf(request, { body, region, keys: ecr.keys });
    response.setHeader('content-type', 'application/x-amz-json-1.1');
    if (refusal !== undefined) {
      const [type, message] = refusal;
      ecr.refusals.push(type);
      // As AWS does for signatures: what came is repeated.
      response
        .writeHead(400)
        .end(JSON.stringify({ __type: type, message: `${message} ${JSON.stringify(request.headers)}` }));
      return;
    }
    const password = ecr.nextPassword();
    ecr.passwords.push(password);
    const authorizationToken = Buffer.from(`AWS:${password}`).toString('base64');
    const proxyEndpoint = `https://123456789012.dkr.ecr.${region}.amazonaws.com`;
    const expiresAt = (Date.now() + ecr.lifeMs) / 1000;
    response.end(JSON.stringify({ authorizationData: [{ authorizationToken, expiresAt, proxyEndpoint }] }));
  };
  const server = tls === undefined ? createServer(answer) : createTlsServer(tls, answer);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const ecr: Ecr = {
    host: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    keys: new Map(),
    passwords: [],
    refusals: [],
    lifeMs: 12 * 3_600_000,
    nextPassword: () => randomBytes(24).toString('base64url'),
    misbehave: () => false,
    stop: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
  return ecr;
}

interface Judged {
  readonly body: string;
  readonly region: string;
  readonly keys: ReadonlyMap<string, KnownKey>;
}

const scheme =
  /^AWS4-HMAC-SHA256 Credential=([^/]+)\/(\d{8})\/([^/]+)\/([^/]+)\/aws4_request, ?SignedHeaders=([a-z0-9;-]+), ?Signature=([0-9a-f]{64})$/;

/** Signature Version 4 as AWS documents it, worked out from the request as it came. */
function refusalOf(request: IncomingMessage, { body, region, keys }: Judged): readonly [string, string] | undefined {
  const { headers, method, url = '/' } = request;
  const target = 'AmazonEC2ContainerRegistry_V20150921.GetAuthorizationToken';
  if (method !== 'POST' || url !== '/' || headers['x-amz-target'] !== target) return ['UnknownOperationException', url];
  JSON.parse(body);
  const found = scheme.exec(headers.authorization ?? '');
  if (found === null) return ['MissingAuthenticationTokenException', 'Missing Authentication Token'];
  const [, id = '', day = '', scopedRegion = '', service = '', signed = '', signature] = found;
  const key = keys.get(id);
  if (key === undefined)
    return ['UnrecognizedClientException', 'The security token included in the request is invalid.'];
  if (scopedRegion !== region || service !== 'ecr')
    return ['InvalidSignatureException', `Credential should be scoped to a valid region, not '${scopedRegion}'.`];
  const date = String(headers['x-amz-date']);
  const [, y, m, d, hh, mm, ss] = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/.exec(date) ?? [];
  const age = Date.now() - Date.parse(`${y}-${m}-${d}T${hh}:${mm}:${ss}Z`);
  if (!(Math.abs(age) < 300_000) || !date.startsWith(day))
    return ['InvalidSignatureException', `Signature expired: ${date}`];
  const names = signed.split(';');
  const mustSign = [
    'host',
    'x-amz-date',
    'x-amz-target',
    ...(key.session === undefined ? [] : ['x-amz-security-token']),
  ];
  if (mustSign.some((name) => !names.includes(name))) return ['InvalidSignatureException', 'a header is not signed'];
  const canonical = [
    method,
    '/',
    '',
    ...names.map((name) => `${name}:${String(headers[name]).trim().replace(/ +/g, ' ')}`),
    '',
    signed,
    sha256(body),
  ].join('\n');
  const scope = `${day}/${region}/ecr/aws4_request`;
  const toSign = ['AWS4-HMAC-SHA256', date, scope, sha256(canonical)].join('\n');
  const signingKey = [day, region, 'ecr', 'aws4_request'].reduce<string | Buffer>(hmac, `AWS4${key.secret}`);
  if (hmac(signingKey, toSign).toString('hex') !== signature)
    return ['InvalidSignatureException', 'The request signature we calculated does not match.'];
  if (headers['x-amz-security-token'] !== key.session)
    return ['UnrecognizedClientException', 'The security token included in the request is invalid.'];
  if (key.mood === 'expired') return ['ExpiredTokenException', 'The security token included in the request is expired'];
  if (key.mood === 'denied') return ['AccessDeniedException', `User: ${id} is not authorized to perform this`];
  return undefined;
}

function sha256(data: string): string {
  return createHash('sha256').update(data).digest('hex');
}

function hmac(key: string | Buffer, data: string): Buffer {
  return createHmac('sha256', key).update(data).digest();
}
