import type { ProjectInfo, TokenInfo } from '../../job/storage.ts';
import type { Catalogue } from './catalogue.ts';
import type { Secrets } from './components.ts';
import type { Engine } from './engine/client.ts';
import type { ProjectFolder } from './folder.ts';
import type { Guard } from './guard.ts';

/** What an open project consists of. */
export interface ProjectParts {
  readonly folder: ProjectFolder;
  readonly catalogue: Catalogue;
  readonly engine: Engine;
  readonly secrets: Secrets;
  readonly project: ProjectInfo;
  readonly token: TokenInfo;
  /** Says what the token may. */
  readonly guard: Guard;
}
