import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto';
import { readRegularFile } from '../../base/files.ts';
import type { ClientFiles } from './file.ts';
import type { Identity, TlsSettings } from './types.ts';

export interface CertificateFiles {
  readonly authorities: readonly string[];
  readonly clients: readonly ClientFiles[];
  readonly skipVerify: boolean;
}

const maxBytes = 1024 * 1024;
const maxFiles = 100;
const pemCertificate = /-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/g;

/** Reads what a connection to one host is made with. `complain` gets to know everything that cannot be used, with the key that names it. */
export async function readCertificates(
  { authorities, clients, skipVerify }: CertificateFiles,
  complain: (key: 'ca' | 'client', message: string) => void,
): Promise<TlsSettings> {
  const trusted: string[] = [];
  for (const path of within(authorities, () => complain('ca', `has more than ${maxFiles} files`))) {
    await told(complain, 'ca', async () => trusted.push(...certificatesIn(await read(path), path)));
  }
  const identities: Identity[] = [];
  const types = new Set<string | undefined>();
  for (const files of within(clients, () => complain('client', `has more than ${maxFiles} certificates`))) {
    await told(complain, 'client', async () => {
      const { identity, type } = await readIdentity(files);
      if (types.has(type))
        throw new Error(`${files.certificate} is a second one with a key of the type ${type}: one is shown`);
      types.add(type);
      identities.push(identity);
    });
  }
  return { authorities: trusted, identities, skipVerify };
}

function within<T>(list: readonly T[], complain: () => void): readonly T[] {
  if (list.length > maxFiles) complain();
  return list.slice(0, maxFiles);
}

async function told(
  complain: (key: 'ca' | 'client', message: string) => void,
  key: 'ca' | 'client',
  work: () => Promise<unknown>,
): Promise<void> {
  try {
    await work();
  } catch (error) {
    complain(key, (error as Error).message);
  }
}

async function readIdentity(files: ClientFiles): Promise<{ identity: Identity; type: string | undefined }> {
  const [certificateText, keyText] = [await read(files.certificate), await read(files.key)];
  const [leaf = ''] = certificatesIn(certificateText, files.certificate);
  const key = privateKeyIn(keyText, files.key);
  if (!new X509Certificate(leaf).checkPrivateKey(key)) {
    throw new Error(`the key in ${files.key} does not belong to the certificate in ${files.certificate}`);
  }
  return { identity: { certificate: certificateText, key: keyText }, type: key.asymmetricKeyType };
}

async function read(path: string): Promise<string> {
  const bytes = await readRegularFile(path, maxBytes);
  if (bytes === undefined) throw new Error(`there is no file ${path}`);
  return bytes.toString('latin1');
}

function certificatesIn(text: string, path: string): readonly string[] {
  const found = text.match(pemCertificate) ?? [];
  if (found.length === 0) throw new Error(`${path} holds no certificate in PEM`);
  for (const pem of found) {
    try {
      new X509Certificate(pem);
    } catch (cause) {
      throw new Error(`${path} holds a certificate that cannot be read`, { cause });
    }
  }
  return found;
}

/** What OpenSSL says about a key that it cannot read tells nobody anything, and the text is a secret. */
function privateKeyIn(text: string, path: string): KeyObject {
  if (text.includes('ENCRYPTED'))
    throw new Error(`the key in ${path} needs a passphrase, which there is nobody to give`);
  try {
    return createPrivateKey(text);
  } catch {
    throw new Error(`${path} holds no private key in PEM that can be read`);
  }
}
