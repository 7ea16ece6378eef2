import { Agent } from 'node:http';
import { Agent as HttpsAgent } from 'node:https';
import aws4 from 'aws4';
import { InfrastructureError } from '../../base/errors.ts';
import { type HttpResponse, readWhole, send } from '../registry/http.ts';
import { Transient, withRetries } from '../registry/transient.ts';
import { type EcrQuestion, ecrRefusal } from './ecr-refusal.ts';

export interface EcrPassword {
  readonly username: string;
  readonly password: string;
  /** Milliseconds since 1970 from which on it is not used any more. */
  readonly renewAt: number;
}

const target = 'AmazonEC2ContainerRegistry_V20150921.GetAuthorizationToken';
const maxAnswer = 256 * 1024;
const answerTimeoutMs = 10_000;
const budgetMs = 20_000;
const halfDayMs = 12 * 3_600_000;

/**
 * Asks ECR for a password (GetAuthorizationToken), signed with Signature Version 4. It ends within 20 seconds, tries included.
 * @throws UserError or InfrastructureError as {@link ecrRefusal} makes them; InfrastructureError when there is no usable answer
 */
export async function askForPassword(question: EcrQuestion, marginMs: number): Promise<EcrPassword> {
  const { endpoint } = question;
  const agent = endpoint.protocol === 'https:' ? new HttpsAgent() : new Agent();
  const signal = AbortSignal.timeout(budgetMs);
  try {
    return await withRetries({ signal, budgetMs, attempts: 4, firstDelayMs: 250 }, async () => {
      const response = await send({ ...signed(question), agent, signal, timeoutMs: answerTimeoutMs });
      return readPassword(question, response, { signal, marginMs });
    });
  } catch (error) {
    throw told(error, endpoint, signal);
  } finally {
    agent.destroy();
  }
}

/** A wrong region has no endpoint; a private one may have a certificate that nobody knows. */
function told(error: unknown, { host }: URL, signal: AbortSignal): unknown {
  const hint = 'Check the region, or name the "endpoint" of the registry in images.credentials.';
  if (error instanceof Transient || error === signal.reason) {
    const why = error instanceof Transient ? error.message : `it did not answer within ${budgetMs / 1000} s`;
    const message = `ECR cannot be asked for a password at ${host}: ${why}`;
    return new InfrastructureError(message, { cause: error, reason: 'registry_unavailable', hint });
  }
  if (!(error instanceof InfrastructureError) || error.hint !== undefined || error.reason === undefined) return error;
  const { message, reason } = error;
  return new InfrastructureError(`ECR cannot be asked for a password: ${message}`, { cause: error, reason, hint });
}

/** Signed anew for each try, because the time is part of it. */
function signed({ endpoint, region, key }: EcrQuestion) {
  const body = '{}';
  const { headers } = aws4.sign(
    {
      method: 'POST',
      host: endpoint.host,
      path: '/',
      service: 'ecr',
      region,
      headers: { 'Content-Type': 'application/x-amz-json-1.1', 'X-Amz-Target': target },
      body,
    },
    key,
  );
  return { url: endpoint, method: 'POST' as const, headers: headers as Readonly<Record<string, string>>, body };
}

async function readPassword(
  question: EcrQuestion,
  response: HttpResponse,
  { signal, marginMs }: { readonly signal: AbortSignal; readonly marginMs: number },
): Promise<EcrPassword> {
  const bytes = await readWhole(response, { limit: maxAnswer, timeoutMs: answerTimeoutMs, signal });
  const { status } = response;
  const answer = bytes && parse(bytes);
  const type =
    /[^#]*$/.exec(String(answer?.__type ?? response.headers['x-amzn-errortype'] ?? ''))?.[0]?.split(':')[0] ?? '';
  if (status === 429 || status >= 500 || /throttl|TooManyRequests/i.test(type))
    throw new Transient(`it answered ${status}`);
  if (status !== 200 && /^[A-Za-z.]{1,80}$/.test(type))
    throw ecrRefusal(question, { type, words: String(answer?.message ?? answer?.Message ?? '') });
  const [data] = Array.isArray(answer?.authorizationData) ? answer.authorizationData : [];
  const { authorizationToken, expiresAt } = (data ?? {}) as { authorizationToken?: unknown; expiresAt?: unknown };
  const token = typeof authorizationToken === 'string' ? Buffer.from(authorizationToken, 'base64').toString() : '';
  const colon = token.indexOf(':');
  if (status !== 200 || colon <= 0)
    throw new InfrastructureError(`ECR gave no usable password at ${question.endpoint.host} (status ${status})`);
  const now = Date.now();
  const life = typeof expiresAt === 'number' ? Math.min(expiresAt * 1000 - now, halfDayMs) : 0;
  return {
    username: token.slice(0, colon),
    password: token.slice(colon + 1),
    renewAt: now + life - Math.min(marginMs, life / 2),
  };
}

function parse(bytes: Buffer): Readonly<Record<string, unknown>> | undefined {
  try {
    const answer: unknown = JSON.parse(bytes.toString());
    return typeof answer === 'object' && answer !== null ? (answer as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}
