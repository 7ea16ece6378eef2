import type { Any, Payloads } from '../gen/containerd.ts';
import { decodeMessage, encodeMessage } from './codec.ts';

/** Type URLs whose payload is plain JSON (OCI runtime-spec), not protobuf. */
export const specType = 'types.containerd.io/opencontainers/runtime-spec/1/Spec';

/** A JSON payload; `typeUrl` says what it is, for example `specType`. */
export function anyOfJson(typeUrl: string, value: unknown): Any {
  return { typeUrl, value: Buffer.from(JSON.stringify(value)) };
}

/** The JSON value of an Any. @throws TypeError when there is none, or it has another type; SyntaxError when it is not JSON. */
export function jsonOfAny(any: Any | null, typeUrl: string): unknown {
  const { value } = expectType(any, typeUrl);
  return JSON.parse(Buffer.from(value).toString('utf8'));
}

/** A protobuf payload under its bare name, as containerd writes it: `containerd.runc.v1.Options`. */
export function anyOf<T extends keyof Payloads>(type: T, value: Payloads[T]['input']): Any {
  return { typeUrl: type, value: encodeMessage(type, value) };
}

/** The message in an Any, every field filled. @throws TypeError when there is none, or it has another type. */
export function messageOfAny<T extends keyof Payloads>(any: Any | null, type: T): Payloads[T]['output'] {
  return decodeMessage(type, expectType(any, type).value) as unknown as Payloads[T]['output'];
}

/** Whether the Any holds this type; a `type.googleapis.com/` prefix does not matter. */
export function holds(any: Any | null, type: string): boolean {
  return any !== null && bareType(any) === type;
}

function expectType(any: Any | null, type: string): Any {
  if (any !== null && holds(any, type)) return any;
  throw new TypeError(`${type} expected, got ${any === null ? 'nothing' : any.typeUrl}`);
}

function bareType(any: Any): string {
  return any.typeUrl.replace(/^type\.googleapis\.com\//, '');
}
