import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';

const git = async (folder: string, ...args: string[]): Promise<string> => {
  const env = {
    PATH: process.env.PATH,
    HOME: folder,
    GIT_CONFIG_NOSYSTEM: '1',
    GIT_AUTHOR_NAME: 'A',
    GIT_AUTHOR_EMAIL: 'a@example.org',
    GIT_COMMITTER_NAME: 'A',
    GIT_COMMITTER_EMAIL: 'a@example.org',
  };
  const { stdout } = await promisify(execFile)('git', ['-C', folder, '-c', 'init.defaultBranch=main', ...args], {
    env,
  });
  return stdout.trim();
};

/** Repositories served by HTTP, as a hosting service does it (git-http-backend(1)). */
export interface GitServer extends AsyncDisposable {
  readonly port: number;
  /** `METHOD path` of every request that was let in, and `401 path` of every other. */
  readonly requests: string[];
  /** Commits the files to a branch of a repository, which is made when there is none, and answers the commit. */
  commit(
    repository: string,
    files: Readonly<Record<string, string>>,
    ref?: { readonly branch?: string; readonly tag?: string },
  ): Promise<string>;
}

/** Everything below `/private/` wants this user and password. */
export async function serveGit(user: string, password: string): Promise<GitServer> {
  const folder = await mkdtemp(join(tmpdir(), 'componentd-test-git-'));
  const requests: string[] = [];
  const wanted = `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`;
  const server = createServer((request, response) => {
    const path = new URL(request.url ?? '/', 'http://git').pathname;
    if (path.startsWith('/private/') && request.headers.authorization !== wanted) {
      requests.push(`401 ${path}`);
      response.writeHead(401, { 'www-authenticate': 'Basic realm="git"' }).end();
      return;
    }
    requests.push(`${request.method} ${path}`);
    backend(folder, request, response);
  });
  server.listen(0, '0.0.0.0');
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    requests,
    commit: async (repository, files, { branch = 'main', tag } = {}) => {
      const place = join(folder, repository);
      await mkdir(place, { recursive: true });
      await git(place, 'init', '-q');
      await git(place, 'config', 'uploadpack.allowAnySHA1InWant', 'true');
      await git(place, 'checkout', '-q', '-B', branch);
      for (const [name, content] of Object.entries(files)) {
        await mkdir(dirname(join(place, name)), { recursive: true });
        await writeFile(join(place, name), content);
      }
      await git(place, 'add', '-A');
      await git(place, 'commit', '-q', '--allow-empty', '-m', 'a change');
      if (tag !== undefined) await git(place, 'tag', '-a', '-f', '-m', tag, tag);
      return await git(place, 'rev-parse', 'HEAD');
    },
    [Symbol.asyncDispose]: async () => {
      server.close();
      server.closeAllConnections();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** One request as a CGI program takes it (RFC 3875). */
function backend(folder: string, request: IncomingMessage, response: ServerResponse): void {
  const { pathname, search } = new URL(request.url ?? '/', 'http://git');
  const [, , repository = '', ...rest] = ['', ...pathname.split('/')];
  const child = spawn('git', ['http-backend'], {
    env: {
      PATH: process.env.PATH,
      HOME: folder,
      GIT_PROJECT_ROOT: folder,
      GIT_HTTP_EXPORT_ALL: '1',
      GIT_CONFIG_COUNT: '1',
      GIT_CONFIG_KEY_0: 'safe.directory',
      GIT_CONFIG_VALUE_0: '*',
      REQUEST_METHOD: request.method,
      PATH_INFO: ['', repository, ...rest].join('/'),
      QUERY_STRING: search.slice(1),
      CONTENT_TYPE: request.headers['content-type'] ?? '',
      ...(request.headers['content-encoding'] && { HTTP_CONTENT_ENCODING: request.headers['content-encoding'] }),
      ...(request.headers['git-protocol'] && { GIT_PROTOCOL: String(request.headers['git-protocol']) }),
    },
    stdio: ['pipe', 'pipe', 'ignore'],
  });
  child.stdin.on('error', () => undefined);
  request.pipe(child.stdin);
  const parts: Buffer[] = [];
  child.stdout.on('data', (chunk: Buffer) => parts.push(chunk));
  child.on('close', () => {
    const answer = Buffer.concat(parts);
    const end = answer.indexOf('\r\n\r\n');
    const headers = answer
      .subarray(0, end)
      .toString()
      .split('\r\n')
      .map((line) => line.split(/: (.*)/s) as [string, string]);
    const status = Number(headers.find(([name]) => name === 'Status')?.[1]?.slice(0, 3) ?? 200);
    response.writeHead(status, Object.fromEntries(headers.filter(([name]) => name !== 'Status')));
    response.end(answer.subarray(end + 4));
  });
}
