-- Statements of the SQLite store; its tables are in migrations.sql.

-- name: find_instance
SELECT number, status FROM instances WHERE id = :id;

-- name: get_instance
SELECT id, execution, name, version, status, created, updated, input, output, custom_status, parent,
       traceparent, failure, waits, blocked, tracestate
FROM instances LEFT JOIN inputs ON instance = number
WHERE id = :id;

-- name: add_instance
INSERT INTO instances (id, execution, name, version, status, created, updated, output, custom_status, parent,
                       traceparent, failure, waits, blocked, tracestate)
VALUES (:id, :execution, :name, :version, :status, :created, :updated, :output, :custom_status, :parent,
        :traceparent, :failure, :waits, :blocked, :tracestate);

-- name: update_instance
UPDATE instances
SET execution = :execution, name = :name, version = :version, updated = :updated, output = :output,
    custom_status = :custom_status, parent = :parent, traceparent = :traceparent, failure = :failure, waits = :waits,
    blocked = :blocked, tracestate = :tracestate
WHERE number = :number;

-- name: update_status
UPDATE instances SET status = :status WHERE number = :number;

-- name: query_instances
SELECT id, execution, name, version, status, created, updated, input, output, custom_status, parent,
       traceparent, failure, waits, blocked, tracestate
FROM instances LEFT JOIN inputs ON instance = number
WHERE status = :status
  AND (created, id) > (:after_created, :after_id)
  AND created <= :created_to
  AND updated <= :updated_to
  AND substr(id, 1, length(:prefix)) = :prefix
ORDER BY created, id;

-- name: query_ids
SELECT created, id FROM instances
WHERE status = :status
  AND (created, id) > (:after_created, :after_id)
  AND created <= :created_to
  AND updated <= :updated_to
  AND substr(id, 1, length(:prefix)) = :prefix
ORDER BY created, id
LIMIT :top;

-- name: delete_instance
DELETE FROM instances WHERE number = :number;

-- name: put_input
INSERT OR REPLACE INTO inputs (instance, input) VALUES (:number, :input);

-- name: delete_input
DELETE FROM inputs WHERE instance = :number;

-- name: get_history
SELECT events FROM history JOIN instances ON number = instance WHERE id = :id ORDER BY seq;

-- name: has_history
SELECT EXISTS (SELECT 1 FROM history JOIN instances ON number = instance WHERE id = :id);

-- name: add_history
INSERT INTO history (instance, events) VALUES (:number, :events);

-- name: delete_history
DELETE FROM history WHERE instance = :number;

-- name: touch
INSERT OR REPLACE INTO meta (key, value) VALUES ('touched', '');

-- name: last_message
SELECT coalesce(max(seq), 0) FROM inbox;

-- name: get_inbox
SELECT seq, execution, event FROM inbox WHERE target = :target ORDER BY seq LIMIT :top;

-- name: add_message
INSERT INTO inbox (target, seq, execution, event) VALUES (:target, :seq, :execution, :event);

-- name: delete_message
DELETE FROM inbox WHERE target = :target AND seq = :seq;

-- name: delete_inbox
DELETE FROM inbox WHERE target = :target;

-- name: get_targets
SELECT target FROM inbox GROUP BY target ORDER BY min(seq);

-- name: get_activities
SELECT id, activities.execution, task, activities.name, activities.input, activities.traceparent,
       activities.tracestate
FROM activities JOIN instances ON number = instance;

-- name: get_activities_of
SELECT id, activities.execution, task, activities.name, activities.input, activities.traceparent,
       activities.tracestate
FROM activities JOIN instances ON number = instance
WHERE id = :id
ORDER BY task;

-- name: add_activity
INSERT OR REPLACE INTO activities (instance, execution, task, name, input, traceparent, tracestate)
VALUES (:number, :execution, :task, :name, :input, :traceparent, :tracestate);

-- name: delete_activity
DELETE FROM activities WHERE instance = :number AND execution = :execution AND task = :task;

-- name: delete_activities
DELETE FROM activities WHERE instance = :number;

-- name: get_timers
SELECT id, timers.execution, task, due FROM timers JOIN instances ON number = instance;

-- name: get_timers_of
SELECT id, timers.execution, task, due
FROM timers JOIN instances ON number = instance
WHERE id = :id AND due <= :until
ORDER BY due, task;

-- name: add_timer
INSERT OR REPLACE INTO timers (instance, task, execution, due) VALUES (:number, :task, :execution, :due);

-- name: delete_timer
DELETE FROM timers WHERE instance = :number AND task = :task;

-- name: delete_timers
DELETE FROM timers WHERE instance = :number;

-- name: get_entity
SELECT id, state, updated FROM entities WHERE id = :id;

-- name: put_entity
INSERT OR REPLACE INTO entities (id, name, state, updated) VALUES (:id, :name, :state, :updated);

-- name: delete_entity
DELETE FROM entities WHERE id = :id;

-- name: query_entities
SELECT id, state, updated FROM entities
WHERE id > :after
  AND substr(id, 1, length(:prefix)) = :prefix
  AND (:name IS NULL OR name = :name)
  AND (:updated_from IS NULL OR updated >= :updated_from)
  AND (:updated_to IS NULL OR updated <= :updated_to)
ORDER BY id
LIMIT :top;
