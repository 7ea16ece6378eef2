import { stat } from 'node:fs/promises';
import type {
  Commit,
  CommitResult,
  FileInfo,
  FileSelector,
  FileUpload,
  Need,
  ProjectInfo,
  StagedFile,
  StagedTable,
  Storage,
  StoredConfiguration,
  TableExport,
  TableInfo,
  TableLoad,
  TokenInfo,
} from '../../job/storage.ts';
import { commit } from './commit.ts';
import { componentDefinition } from './components.ts';
import { getConfiguration } from './configuration-store.ts';
import { downloadFile, findFiles } from './files.ts';
import { Guard } from './guard.ts';
import { issueJobToken, revokeJobTokens } from './job-tokens.ts';
import { tableName } from './names.ts';
import type { ProjectParts } from './parts.ts';
import { discardStaged, stageFile, stageTable } from './staging.ts';
import { exportTable, readingTable, tableInfo } from './tables.ts';
import { showToken, tokenInfo } from './tokens.ts';

/**
 * The Storage port over a project folder: a SQLite catalogue, immutable data files, and a child process for tables. It is bound to a token:
 * whatever is asked of it is asked with that token's rights, and this is the only way in for the rest of the program.
 */
export class LocalStorage implements Storage, AsyncDisposable {
  readonly project: ProjectInfo;
  readonly token: TokenInfo;
  /** Without any check: for this folder, and for what cleans up. Everybody else gets them by `partsFor`. */
  readonly parts: ProjectParts;

  constructor(parts: ProjectParts) {
    this.parts = parts;
    this.project = parts.project;
    this.token = parts.token;
  }

  /**
   * What the management functions of this folder work on, for whoever may do all this. Lists ask the guard for each thing they hold.
   * @throws UserError naming the token and the right that is missing
   */
  partsFor(...needs: readonly Need[]): ProjectParts {
    this.parts.guard.require(...needs);
    return this.parts;
  }

  /**
   * Changes something in one transaction, with a right that holds for the whole of it: a token that was revoked a moment ago changes nothing.
   * @throws UserError naming the token and the right that is missing
   */
  change<T>(need: Need, work: (parts: ProjectParts) => T): T {
    return this.parts.catalogue.write(() => work(this.partsFor(need)));
  }

  /**
   * The same project with the rights of another token: of any for the project's own, else of one that came from this one. They share what is
   * open, and only the first one is closed. `known` is a token that was valid once: of one that was revoked since, every call says so.
   * @throws UserError when there is no such token, or not for this one
   */
  actingAs(id: string, known?: TokenInfo): LocalStorage {
    const { catalogue, guard } = this.parts;
    if (id === this.token.id) return this;
    const found = guard.isAdmin() ? (tokenInfo(catalogue, id) ?? known) : undefined;
    const token = found ?? { id, description: showToken(catalogue, guard, id).description };
    return new LocalStorage({ ...this.parts, token, guard: new Guard(catalogue, token) });
  }

  refusal(need: Need): { readonly message: string; readonly hint: string } | undefined {
    return this.parts.guard.refusal(need);
  }

  async component(id: string): Promise<string | undefined> {
    return componentDefinition(this.partsFor({ on: 'components', to: 'read' }).catalogue, id);
  }

  async configuration(componentId: string, configId: string): Promise<StoredConfiguration | undefined> {
    const { catalogue } = this.partsFor({ on: 'configurations', to: 'read' });
    return catalogue.read(() => getConfiguration(catalogue, componentId, configId));
  }

  async table(id: string): Promise<TableInfo | undefined> {
    return tableInfo(this.partsFor(readingTable(id)).catalogue, id, this.project.url);
  }

  async exportTable(request: TableExport, signal: AbortSignal): Promise<{ rows: number; bytes: number }> {
    const { rows } = await exportTable(this.partsFor(readingTable(request.table)), request, signal);
    return { rows, bytes: (await stat(request.path)).size };
  }

  async findFiles(selector: FileSelector): Promise<readonly FileInfo[]> {
    const { catalogue, guard } = this.parts;
    return findFiles(catalogue, guard.filesOf(), selector);
  }

  async downloadFile(id: number, path: string, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    await downloadFile(this.parts, id, path);
  }

  async stageTable(commitId: string, load: TableLoad, signal: AbortSignal): Promise<StagedTable> {
    const { bucket } = tableName(load.destination);
    return stageTable(this.partsFor({ on: 'bucket', bucket, to: 'write' }), { commitId, load }, signal);
  }

  async stageFile(commitId: string, upload: FileUpload, signal: AbortSignal): Promise<StagedFile> {
    signal.throwIfAborted();
    return stageFile(this.partsFor().folder, commitId, upload);
  }

  async commit(request: Commit): Promise<CommitResult> {
    return commit(this.parts, request);
  }

  /** Tidying up needs no right: it goes on when the token has been revoked. */
  async discard(commitId: string): Promise<void> {
    await discardStaged(this.parts.folder, commitId);
  }

  async issueJobToken(jobId: string, lifetimeSeconds: number): Promise<{ id: string; secret: string }> {
    const { catalogue, guard } = this.parts;
    return issueJobToken(catalogue, guard, jobId, Date.now() + lifetimeSeconds * 1000);
  }

  /** Needs no right, like `discard`. */
  async revokeJobTokens(jobId: string): Promise<void> {
    revokeJobTokens(this.parts.catalogue, jobId);
  }

  async close(): Promise<void> {
    await this.parts.engine.close();
    this.parts.catalogue.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}
