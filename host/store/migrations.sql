-- The schema, one version after another. A version that has been released is never edited: changes are a new one.
-- Times are microseconds since 1970-01-01 UTC; texts of events are JSON.

-- name: version_1
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

-- name: version_2
-- Fewer pages a turn. All that belongs to an instance is keyed by its number; the history has one row for each turn,
-- appended where all instances append, so that turns which commit together share pages; the input, which can be large
-- and does not change, is not in the row that each turn rewrites; one index serves lists of every kind.
ALTER TABLE instances RENAME TO old_instances;
ALTER TABLE history RENAME TO old_history;
ALTER TABLE inbox RENAME TO old_inbox;
ALTER TABLE activities RENAME TO old_activities;
ALTER TABLE timers RENAME TO old_timers;

CREATE TABLE instances (
    number INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    execution TEXT NOT NULL,
    name TEXT NOT NULL,
    version TEXT NOT NULL,
    status TEXT NOT NULL,
    created INTEGER NOT NULL,
    updated INTEGER NOT NULL,
    output TEXT,
    custom_status TEXT,
    parent TEXT,
    traceparent TEXT,
    failure TEXT,
    waits TEXT NOT NULL,
    blocked TEXT
);
CREATE INDEX instances_by_status ON instances (status, created, id);

CREATE TABLE inputs (instance INTEGER PRIMARY KEY, input TEXT NOT NULL);

CREATE TABLE history (seq INTEGER PRIMARY KEY, instance INTEGER NOT NULL, events TEXT NOT NULL);
CREATE INDEX history_by_instance ON history (instance);

CREATE TABLE inbox (
    target TEXT NOT NULL,
    seq INTEGER NOT NULL,
    execution TEXT,
    event TEXT NOT NULL,
    PRIMARY KEY (target, seq)
) WITHOUT ROWID;

CREATE TABLE activities (
    instance INTEGER NOT NULL,
    execution TEXT NOT NULL,
    task INTEGER NOT NULL,
    name TEXT NOT NULL,
    input TEXT,
    traceparent TEXT,
    PRIMARY KEY (instance, execution, task)
) WITHOUT ROWID;

CREATE TABLE timers (
    instance INTEGER NOT NULL,
    task INTEGER NOT NULL,
    execution TEXT NOT NULL,
    due INTEGER NOT NULL,
    PRIMARY KEY (instance, task)
) WITHOUT ROWID;

INSERT INTO instances (id, execution, name, version, status, created, updated, output, custom_status, parent,
                       traceparent, failure, waits, blocked)
SELECT id, execution, name, version, status, created, updated, output, custom_status, parent,
       traceparent, failure, waits, blocked
FROM old_instances ORDER BY created, id;

INSERT INTO inputs (instance, input)
SELECT number, input FROM instances JOIN old_instances USING (id) WHERE input IS NOT NULL ORDER BY number;

INSERT INTO history (instance, events)
SELECT number, '[' || event || ']' FROM old_history JOIN instances ON id = instance ORDER BY number, old_history.seq;

INSERT INTO inbox (target, seq, execution, event) SELECT target, seq, execution, event FROM old_inbox;

INSERT INTO activities (instance, execution, task, name, input, traceparent)
SELECT number, old.execution, old.task, old.name, old.input, old.traceparent
FROM old_activities AS old JOIN instances ON id = old.instance;

INSERT INTO timers (instance, task, execution, due)
SELECT number, old.task, old.execution, old.due FROM old_timers AS old JOIN instances ON id = old.instance;

DROP TABLE old_instances;
DROP TABLE old_history;
DROP TABLE old_inbox;
DROP TABLE old_activities;
DROP TABLE old_timers;

-- name: version_3
-- The other half of a W3C trace context, https://www.w3.org/TR/trace-context-1/#tracestate-header.
ALTER TABLE instances ADD COLUMN tracestate TEXT;
ALTER TABLE activities ADD COLUMN tracestate TEXT;
