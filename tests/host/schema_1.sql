-- The schema of version 1, as hosts of that version made it. Never edited: test_migrations.py makes old files of it.
CREATE TABLE IF NOT EXISTS meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS instances (
    id TEXT PRIMARY KEY,
    execution TEXT NOT NULL,
    name TEXT NOT NULL,
    version TEXT NOT NULL,
    status TEXT NOT NULL,
    created INTEGER NOT NULL,
    updated INTEGER NOT NULL,
    input TEXT,
    output TEXT,
    custom_status TEXT,
    parent TEXT,
    traceparent TEXT,
    failure TEXT,
    waits TEXT NOT NULL,
    blocked TEXT
);
CREATE INDEX IF NOT EXISTS instances_by_time ON instances (created, id);

CREATE TABLE IF NOT EXISTS history (
    instance TEXT NOT NULL,
    seq INTEGER NOT NULL,
    event TEXT NOT NULL,
    PRIMARY KEY (instance, seq)
) WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS inbox (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    target TEXT NOT NULL,
    execution TEXT,
    event TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS inbox_by_target ON inbox (target, seq);

CREATE TABLE IF NOT EXISTS activities (
    instance TEXT NOT NULL,
    execution TEXT NOT NULL,
    task INTEGER NOT NULL,
    name TEXT NOT NULL,
    input TEXT,
    traceparent TEXT,
    PRIMARY KEY (instance, execution, task)
) WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS timers (
    instance TEXT NOT NULL,
    task INTEGER NOT NULL,
    execution TEXT NOT NULL,
    due INTEGER NOT NULL,
    PRIMARY KEY (instance, task)
) WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS entities (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    state TEXT,
    updated INTEGER NOT NULL
) WITHOUT ROWID;
