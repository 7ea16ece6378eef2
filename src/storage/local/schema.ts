/**
 * The first format, frozen: what came later is in `migrations.ts`, and a new project goes the same way as an old one. Times are
 * milliseconds since 1970, lists are JSON text.
 */
export const firstSchema = `
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID, STRICT;
CREATE TABLE buckets (id TEXT PRIMARY KEY, stage TEXT NOT NULL, name TEXT NOT NULL, created INTEGER NOT NULL) WITHOUT ROWID, STRICT;
CREATE TABLE tables (
  id TEXT PRIMARY KEY, bucket TEXT NOT NULL REFERENCES buckets (id), name TEXT NOT NULL, columns TEXT NOT NULL,
  primaryKey TEXT NOT NULL, distributionKey TEXT NOT NULL, created INTEGER NOT NULL, lastChange INTEGER NOT NULL,
  lastImport INTEGER NOT NULL, rowCount INTEGER NOT NULL, revision INTEGER NOT NULL
) WITHOUT ROWID, STRICT;
CREATE TABLE segments (
  tableId TEXT NOT NULL REFERENCES tables (id), position INTEGER NOT NULL, data TEXT NOT NULL, columns TEXT NOT NULL,
  rowCount INTEGER NOT NULL, bytes INTEGER NOT NULL, changedAt INTEGER, isUnique INTEGER NOT NULL, PRIMARY KEY (tableId, position)
) WITHOUT ROWID, STRICT;
CREATE INDEX segmentsByData ON segments (data);
CREATE TABLE metadata (
  id INTEGER PRIMARY KEY AUTOINCREMENT, kind TEXT NOT NULL, object TEXT NOT NULL, columnName TEXT NOT NULL, provider TEXT NOT NULL,
  key TEXT NOT NULL, value TEXT NOT NULL, timestamp INTEGER NOT NULL, UNIQUE (kind, object, columnName, provider, key)
) STRICT;
CREATE TABLE files (
  id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL, created INTEGER NOT NULL, isPublic INTEGER NOT NULL,
  isPermanent INTEGER NOT NULL, isEncrypted INTEGER NOT NULL, bytes INTEGER NOT NULL, data TEXT NOT NULL UNIQUE
) STRICT;
CREATE TABLE fileTags (
  fileId INTEGER NOT NULL REFERENCES files (id) ON DELETE CASCADE, position INTEGER NOT NULL, tag TEXT NOT NULL,
  PRIMARY KEY (fileId, position), UNIQUE (fileId, tag)
) WITHOUT ROWID, STRICT;
CREATE INDEX filesByTag ON fileTags (tag, fileId);
CREATE TABLE tokens (
  id INTEGER PRIMARY KEY AUTOINCREMENT, description TEXT NOT NULL, kind TEXT NOT NULL, hash TEXT NOT NULL UNIQUE,
  created INTEGER NOT NULL, expires INTEGER
) STRICT;
CREATE TABLE components (id TEXT PRIMARY KEY, definition TEXT NOT NULL, created INTEGER NOT NULL) WITHOUT ROWID, STRICT;
CREATE TABLE configurations (
  component TEXT NOT NULL, id TEXT NOT NULL, name TEXT NOT NULL, description TEXT NOT NULL, version INTEGER NOT NULL,
  isDisabled INTEGER NOT NULL, configuration TEXT NOT NULL, state TEXT NOT NULL, created INTEGER NOT NULL,
  PRIMARY KEY (component, id)
) WITHOUT ROWID, STRICT;
CREATE TABLE configurationRows (
  component TEXT NOT NULL, config TEXT NOT NULL, id TEXT NOT NULL, position INTEGER NOT NULL, isDisabled INTEGER NOT NULL,
  configuration TEXT NOT NULL, state TEXT NOT NULL, PRIMARY KEY (component, config, id),
  FOREIGN KEY (component, config) REFERENCES configurations (component, id) ON DELETE CASCADE
) WITHOUT ROWID, STRICT;
CREATE TABLE configurationVersions (
  component TEXT NOT NULL, config TEXT NOT NULL, version INTEGER NOT NULL, content TEXT NOT NULL, changeDescription TEXT NOT NULL,
  created INTEGER NOT NULL, PRIMARY KEY (component, config, version),
  FOREIGN KEY (component, config) REFERENCES configurations (component, id) ON DELETE CASCADE
) WITHOUT ROWID, STRICT;
CREATE TABLE commits (id TEXT PRIMARY KEY, result TEXT NOT NULL, created INTEGER NOT NULL) WITHOUT ROWID, STRICT;
CREATE TABLE garbage (path TEXT PRIMARY KEY, since INTEGER NOT NULL) WITHOUT ROWID, STRICT;
`;
