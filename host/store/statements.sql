-- Every statement of the SQLite store. Times are microseconds since 1970-01-01 UTC; texts of events are JSON.

-- name: schema
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

-- name: get_meta
SELECT value FROM meta WHERE key = :key;

-- name: put_meta
INSERT OR IGNORE INTO meta (key, value) VALUES (:key, :value);

-- name: get_status
SELECT status FROM instances WHERE id = :id;

-- name: get_instance
SELECT * FROM instances WHERE id = :id;

-- name: put_instance
INSERT OR REPLACE INTO instances
VALUES (:id, :execution, :name, :version, :status, :created, :updated, :input, :output, :custom_status, :parent,
        :traceparent, :failure, :waits, :blocked);

-- name: query_instances
SELECT * FROM instances
WHERE (created, id) > (:after_created, :after_id)
  AND (:statuses IS NULL OR status IN (SELECT value FROM json_each(:statuses)))
  AND (:created_from IS NULL OR created >= :created_from)
  AND (:created_to IS NULL OR created <= :created_to)
  AND substr(id, 1, length(:prefix)) = :prefix
ORDER BY created, id
LIMIT :top;

-- name: delete_instance
DELETE FROM instances WHERE id = :id;

-- name: get_history
SELECT event FROM history WHERE instance = :id ORDER BY seq;

-- name: next_seq
SELECT coalesce(max(seq) + 1, 0) FROM history WHERE instance = :id;

-- name: add_history
INSERT INTO history (instance, seq, event) VALUES (:instance, :seq, :event);

-- name: delete_history
DELETE FROM history WHERE instance = :id;

-- name: get_inbox
SELECT seq, target, execution, event FROM inbox WHERE target = :target ORDER BY seq LIMIT :top;

-- name: add_message
INSERT INTO inbox (target, execution, event) VALUES (:target, :execution, :event);

-- name: delete_message
DELETE FROM inbox WHERE seq = :seq;

-- name: delete_inbox
DELETE FROM inbox WHERE target = :id;

-- name: get_targets
SELECT target FROM inbox GROUP BY target ORDER BY min(seq);

-- name: get_activities
SELECT instance, execution, task, name, input, traceparent FROM activities;

-- name: add_activity
INSERT OR REPLACE INTO activities VALUES (:instance, :execution, :task, :name, :input, :traceparent);

-- name: delete_activity
DELETE FROM activities WHERE instance = :instance AND execution = :execution AND task = :task;

-- name: delete_activities
DELETE FROM activities WHERE instance = :id;

-- name: get_timers
SELECT instance, execution, task, due FROM timers;

-- name: get_due
SELECT instance, execution, task, due FROM timers WHERE instance = :id AND due <= :now ORDER BY due, task;

-- name: add_timer
INSERT OR REPLACE INTO timers (instance, task, execution, due) VALUES (:instance, :task, :execution, :due);

-- name: delete_timer
DELETE FROM timers WHERE instance = :instance AND task = :task;

-- name: delete_timers
DELETE FROM timers WHERE instance = :id;

-- name: get_entity
SELECT id, state, updated FROM entities WHERE id = :id;

-- name: put_entity
INSERT OR REPLACE INTO entities (id, name, state, updated) VALUES (:id, :name, :state, :updated);

-- name: delete_entity
DELETE FROM entities WHERE id = :id;

-- name: query_entities
SELECT id, state, updated FROM entities
WHERE id > :after
  AND (:name IS NULL OR name = :name)
  AND (:updated_from IS NULL OR updated >= :updated_from)
  AND (:updated_to IS NULL OR updated <= :updated_to)
ORDER BY id
LIMIT :top;
