import type { HttpResponse } from './http.ts';

/** `Content-Type` without its parameters; empty when there is none. */
export function mediaTypeOf(response: HttpResponse): string {
  return (response.headers['content-type'] ?? '').split(';', 1)[0]?.trim().toLowerCase() ?? '';
}

/** Where the part of a 206 answer begins; -1 when it does not say. */
export function rangeStart(response: HttpResponse): number {
  const match = /^bytes (\d+)-/.exec(response.headers['content-range'] ?? '');
  return match === null ? -1 : Number(match[1]);
}

/** Milliseconds that `Retry-After` asks for, in seconds or as a date. */
export function retryAfter(response: HttpResponse): number | undefined {
  const value = response.headers['retry-after'];
  if (value === undefined) return undefined;
  const ms = /^\d+$/.test(value) ? Number(value) * 1000 : Date.parse(value) - Date.now();
  return Number.isFinite(ms) && ms > 0 ? ms : undefined;
}

/** The chunks without their first `bytes` bytes. */
export async function* skip(chunks: AsyncIterable<Buffer>, bytes: number): AsyncGenerator<Buffer> {
  let rest = bytes;
  for await (const chunk of chunks) {
    if (rest < chunk.length) yield rest === 0 ? chunk : chunk.subarray(rest);
    rest = Math.max(0, rest - chunk.length);
  }
}
