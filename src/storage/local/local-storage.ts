import { stat } from 'node:fs/promises';
import type {
  Commit,
  CommitResult,
  FileInfo,
  FileSelector,
  FileUpload,
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
import type { ProjectParts } from './parts.ts';
import { discardStaged, stageFile, stageTable } from './staging.ts';
import { exportTable, tableInfo } from './tables.ts';
import { issueJobToken, revokeJobTokens } from './tokens.ts';

/** The Storage port over a project folder: a SQLite catalogue, immutable data files, and a child process for tables. */
export class LocalStorage implements Storage, AsyncDisposable {
  readonly project: ProjectInfo;
  readonly token: TokenInfo;
  /** For the management functions of this folder, which take them apart from the port. */
  readonly parts: ProjectParts;

  constructor(parts: ProjectParts) {
    this.parts = parts;
    this.project = parts.project;
    this.token = parts.token;
  }

  async component(id: string): Promise<string | undefined> {
    return componentDefinition(this.parts.catalogue, id);
  }

  async configuration(componentId: string, configId: string): Promise<StoredConfiguration | undefined> {
    const { catalogue } = this.parts;
    return catalogue.read(() => getConfiguration(catalogue, componentId, configId));
  }

  async table(id: string): Promise<TableInfo | undefined> {
    return tableInfo(this.parts.catalogue, id, this.project.url);
  }

  async exportTable(request: TableExport, signal: AbortSignal): Promise<{ rows: number; bytes: number }> {
    const { rows } = await exportTable(this.parts, request, signal);
    return { rows, bytes: (await stat(request.path)).size };
  }

  async findFiles(selector: FileSelector): Promise<readonly FileInfo[]> {
    return findFiles(this.parts.catalogue, selector);
  }

  async downloadFile(id: number, path: string, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    await downloadFile(this.parts, id, path);
  }

  async stageTable(commitId: string, load: TableLoad, signal: AbortSignal): Promise<StagedTable> {
    return stageTable(this.parts, { commitId, load }, signal);
  }

  async stageFile(commitId: string, upload: FileUpload, signal: AbortSignal): Promise<StagedFile> {
    signal.throwIfAborted();
    return stageFile(this.parts.folder, commitId, upload);
  }

  async commit(request: Commit): Promise<CommitResult> {
    return commit(this.parts, request);
  }

  async discard(commitId: string): Promise<void> {
    await discardStaged(this.parts.folder, commitId);
  }

  async issueJobToken(jobId: string, lifetimeSeconds: number): Promise<{ id: string; secret: string }> {
    return issueJobToken(this.parts.catalogue, jobId, Date.now() + lifetimeSeconds * 1000);
  }

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
