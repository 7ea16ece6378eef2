import { execFile } from 'node:child_process';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

export interface KeyPair {
  /** Paths of PEM files. */
  readonly certificate: string;
  readonly key: string;
}

export interface Authority {
  /** Path of its own certificate in PEM. */
  readonly certificate: string;
  /** A certificate for a server on this machine: `127.0.0.1`, `localhost`, `::1`, and `::ffff:127.0.0.1`; and for the other names. */
  server(name: string, others?: readonly string[]): Promise<KeyPair>;
  client(name: string): Promise<KeyPair>;
}

const newKey = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2'];
const serverNames = 'subjectAltName=IP:127.0.0.1,DNS:localhost,IP:::1,IP:::ffff:7f00:1';

/** A certificate authority of a test's own, by `openssl`, with everything that it issues in `directory`. */
export async function makeAuthority(directory: string): Promise<Authority> {
  await mkdir(directory, { recursive: true });
  const own = { certificate: join(directory, 'ca.pem'), key: join(directory, 'ca.key') };
  const configuration = join(directory, 'openssl.cnf');
  await writeFile(configuration, '[req]\ndistinguished_name = name\n[name]\n');
  const issue = async (name: string, extensions: readonly string[], signer: KeyPair | undefined): Promise<KeyPair> => {
    const made = { certificate: join(directory, `${name}.pem`), key: join(directory, `${name}.key`) };
    const signed = signer === undefined ? [] : ['-CA', signer.certificate, '-CAkey', signer.key];
    const added = extensions.flatMap((extension) => ['-addext', extension]);
    const files = ['-keyout', made.key, '-out', made.certificate];
    await run('openssl', [
      'req',
      '-x509',
      '-config',
      configuration,
      '-subj',
      `/CN=${name}`,
      ...newKey,
      ...signed,
      ...added,
      ...files,
    ]);
    return made;
  };
  await issue('ca', ['basicConstraints=critical,CA:TRUE'], undefined);
  return {
    certificate: own.certificate,
    server: (name, others = []) => {
      const names = [serverNames, ...others.map((other) => `DNS:${other}`)].join();
      return issue(name, ['basicConstraints=CA:FALSE', names, 'extendedKeyUsage=serverAuth'], own);
    },
    client: (name) => issue(name, ['basicConstraints=CA:FALSE', 'extendedKeyUsage=clientAuth'], own),
  };
}
