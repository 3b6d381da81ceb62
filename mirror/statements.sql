create table if not exists cases (
  id text primary key,
  workflow text not null,
  version text not null,
  execution text not null,          -- of the durable instance that is shown
  run integer not null,             -- which process instance shows it, counted from 1
  cursor integer not null,          -- moves that Camunda shows
  instance integer,                 -- key of the process instance, once known
  state text not null,              -- open, closed, deviates, lost
  runtime text not null,            -- durable runtime status when it was read last
  shown text not null,              -- what the instance's variable "durable" says
  past text not null,               -- steps of the executions before this one, as JSON
  steps text not null,              -- steps of this one when it was read last, as JSON
  waits_since real                  -- since when a move waits for its job (Unix time)
) strict;
create index if not exists cases_state on cases (state);
create table if not exists jobs (
  key integer primary key,
  case_id text not null,
  kind text not null,
  element text not null,
  element_instance integer not null,
  instance integer not null,
  definition integer not null,
  cursor integer not null,          -- moves that the instance showed when the job was handed out
  state text not null,              -- open, failed, taken, done, gone, doubted
  move integer not null,            -- which it was completed for
  variables text not null
) strict;
create index if not exists jobs_case on jobs (case_id);
create table if not exists definitions (
  process text not null,
  version text not null,            -- the orchestrator's
  key integer not null,
  content text not null,            -- hash of what was deployed
  primary key (process, version)
) strict;
