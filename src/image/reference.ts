import { isIPv4 } from 'node:net';
import { UserError } from '../base/errors.ts';

/** An image reference, taken apart and normalised as Docker does (distribution/reference). */
export interface Reference {
  /** Registry host with its port if any, for example `docker.io`, `127.0.0.1:5000`. */
  readonly domain: string;
  /** Repository within the registry, for example `library/busybox`. */
  readonly path: string;
  /** For display only when there is a digest as well. */
  readonly tag?: string;
  readonly digest?: string;
  /** The name of containerd's image record: `domain/path:tag`, or `domain/path@digest`. */
  readonly name: string;
}

const host = '(?:[a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9])';
const domainPattern = new RegExp(`^(?:${host}(?:\\.${host})*|\\[[a-fA-F0-9:]+\\])(?::[0-9]{1,5})?$`);
const pathPattern = /^[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*(?:\/[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*)*$/;
const tagPattern = /^[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}$/;
const digestPattern = /^(?:sha256:[a-f0-9]{64}|sha384:[a-f0-9]{96}|sha512:[a-f0-9]{128})$/;
const maxNameLength = 255;
const maxLength = 1024;

/**
 * Reads an image reference: `busybox` is `docker.io/library/busybox:latest`. With tag and digest, the digest wins.
 * @throws UserError that says which part is wrong.
 */
export function parseReference(text: string): Reference {
  const fail = (problem: string): never => {
    const shown = JSON.stringify(text.length > 200 ? `${text.slice(0, 200)}…` : text);
    throw new UserError(`${shown} is not an image reference: ${problem}`, {
      hint: 'Write it as [registry[:port]/]repository[:tag][@sha256:…].',
    });
  };
  if (text === '') fail('it is empty');
  if (text.length > maxLength) fail(`it is longer than ${maxLength} characters`);
  if (text.includes('://')) fail('it must not have a scheme');
  if (/^[a-f0-9]{64}$/.test(text)) fail('64 hexadecimal digits are an image id, not a name');
  if (isDigest(text.replace(/^@/, ''))) fail('it is a digest without a repository in front of it');

  const [rest, digest] = cut(text, text.indexOf('@'));
  if (digest !== undefined && !isDigest(digest)) fail('the part behind "@" is not a digest');
  const { domain, remainder } = splitDomain(rest);
  if (!domainPattern.test(domain) || !isOneHost(domain)) fail('the registry is not a host name with an optional port');
  const [path, tag] = cut(remainder, remainder.indexOf(':'));
  if (path !== path.toLowerCase()) fail('the repository must be lowercase');
  if (!pathPattern.test(path)) fail('the repository has a character that is not allowed there');
  if (domain.length + 1 + path.length > maxNameLength)
    fail(`registry and repository exceed ${maxNameLength} characters`);
  if (tag !== undefined && !tagPattern.test(tag)) fail('the tag is not valid');

  if (digest !== undefined)
    return { domain, path, digest, ...(tag !== undefined && { tag }), name: `${domain}/${path}@${digest}` };
  const named = tag ?? 'latest';
  return { domain, path, tag: named, name: `${domain}/${path}:${named}` };
}

/** Whether `text` is a sha256, sha384 or sha512 digest in its canonical form. */
export function isDigest(text: string): boolean {
  return digestPattern.test(text);
}

/** The host that answers the registry API of `domain`. */
export function apiHost(domain: string): string {
  return domain === 'docker.io' ? 'registry-1.docker.io' : domain;
}

/** Whether a host, with or without port, is this machine by its very spelling: the only ones spoken to without TLS. */
export function isLoopbackHost(hostAndPort: string): boolean {
  const name = hostAndPort.replace(/:\d+$/, '').toLowerCase();
  return name === 'localhost' || name === '[::1]' || (isIPv4(name) && name.startsWith('127.'));
}

/** Numbers that URLs read as an address (`127.1`, `0x7f.1`, `010.0.0.1`) would be one host by their spelling and another when connecting. */
function isOneHost(domain: string): boolean {
  if (!URL.canParse(`https://${domain}`)) return false;
  const { hostname } = new URL(`https://${domain}`);
  return domain.startsWith('[') || hostname === domain.replace(/:\d+$/, '').toLowerCase();
}

function splitDomain(text: string): { domain: string; remainder: string } {
  const [first, rest] = cut(text, text.indexOf('/'));
  if (rest === undefined) return { domain: 'docker.io', remainder: `library/${text}` };
  const isDomain = first === 'localhost' || /[.:]/.test(first) || first !== first.toLowerCase();
  if (!isDomain) return { domain: 'docker.io', remainder: text };
  const domain = first === 'index.docker.io' ? 'docker.io' : first;
  if (domain !== 'docker.io' || rest.includes('/')) return { domain, remainder: rest };
  return { domain, remainder: `library/${rest}` };
}

function cut(text: string, index: number): [string, string | undefined] {
  return index < 0 ? [text, undefined] : [text.slice(0, index), text.slice(index + 1)];
}
