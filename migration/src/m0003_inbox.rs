//! The inbox of events, the audit trail and the change feed.

use crate::Step;

pub(crate) const STEP: Step = Step {
    name: "m0003_inbox",
    up: UP,
    down: DOWN,
};

const UP: &str = r"
create table event (
    seq bigint generated always as identity primary key,
    id uuid not null unique,
    connection_id uuid not null,
    origin text not null check (origin in ('backfill', 'webhook', 'event_log', 'sweep', 'reread')),
    close_event_id text not null,
    event_updated_at timestamptz not null,
    object_type text not null,
    object_id text not null,
    action text not null,
    payload jsonb not null,
    state text not null check (state in
        ('pending', 'applied', 'unchanged', 'stale', 'ignored', 'failed', 'dead', 'discarded')),
    attempts integer not null default 0,
    next_attempt_at timestamptz not null default now(),
    error text,
    received_at timestamptz not null default now(),
    finished_at timestamptz,
    unique (connection_id, close_event_id, event_updated_at)
);
create index event_ready on event (next_attempt_at, seq) where state in ('pending', 'failed');
create index event_waiting on event (connection_id, received_at) where state in ('pending', 'failed');
create index event_received on event (connection_id, received_at, seq);
create index event_state on event (connection_id, state, seq);
create index event_object on event (connection_id, object_id, seq);

create table audit_entry (
    seq bigint generated always as identity primary key,
    connection_id uuid not null,
    record_type text not null,
    record_id uuid not null,
    close_id text not null,
    action text not null check (action in ('created', 'updated', 'deleted')),
    origin text not null,
    at timestamptz not null,
    recorded_at timestamptz not null default now(),
    changed_fields text[] not null default '{}',
    changes jsonb,
    event_id uuid,
    run_id uuid,
    actor_id uuid
);
create index audit_entry_record on audit_entry (record_id, seq);

create table change_feed (
    seq bigint generated always as identity primary key,
    xid xid8 not null default pg_current_xact_id(),
    connection_id uuid not null,
    record_type text not null,
    record_id uuid not null,
    close_id text not null,
    action text not null check (action in ('created', 'updated', 'deleted')),
    changed_fields text[] not null default '{}',
    at timestamptz not null
);
";

const DOWN: &str = r"
drop table change_feed;
drop table audit_entry;
drop table event;
";
