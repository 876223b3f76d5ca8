//! Sync runs and the checkpoints of their streams.

use crate::Step;

pub(crate) const STEP: Step = Step {
    name: "m0004_run",
    up: UP,
    down: DOWN,
};

const UP: &str = r"
create table sync_run (
    id uuid primary key,
    connection_id uuid not null,
    kind text not null check (kind in ('backfill')),
    status text not null check (status in ('running', 'succeeded', 'failed', 'interrupted')),
    started_at timestamptz not null default now(),
    heartbeat_at timestamptz not null default now(),
    finished_at timestamptz,
    done bigint not null default 0,
    total bigint,
    created bigint not null default 0,
    updated bigint not null default 0,
    deleted bigint not null default 0,
    unchanged bigint not null default 0,
    stale bigint not null default 0,
    requests bigint not null default 0,
    error text
);
create index sync_run_connection on sync_run (connection_id, started_at, id);
create unique index sync_run_one_running on sync_run (connection_id, kind) where status = 'running';

create table sync_checkpoint (
    connection_id uuid not null,
    stream text not null,
    position jsonb not null,
    run_id uuid,
    updated_at timestamptz not null default now(),
    primary key (connection_id, stream)
);
";

const DOWN: &str = r"
drop table sync_checkpoint;
drop table sync_run;
";
