//! What reconciliation keeps: more kinds of runs, and the drift that a comparison with Close found.

use crate::Step;

pub(crate) const STEP: Step = Step {
    name: "m0005_reconcile",
    up: UP,
    down: DOWN,
};

const UP: &str = r"
alter table sync_run drop constraint sync_run_kind_check;
alter table sync_run add constraint sync_run_kind_check
    check (kind in ('backfill', 'catch_up', 'sweep', 'verify', 'remap'));

create table drift (
    connection_id uuid not null,
    record_type text not null,
    run_id uuid not null,
    checked_at timestamptz not null default now(),
    compared bigint not null,
    missing bigint not null,
    extra bigint not null,
    stale bigint not null,
    repaired bigint not null,
    examples jsonb not null default '[]',
    primary key (connection_id, record_type)
);

alter table connection add column webhook_old_signing_key bytea;
alter table connection add column webhook_checked_at timestamptz;
alter table connection add column webhook_problem text;
alter table connection add column settings_read_at timestamptz;

alter table event add column delivered_at timestamptz;
alter table event drop constraint event_origin_check;
alter table event add constraint event_origin_check
    check (origin in ('backfill', 'webhook', 'event_log', 'sweep', 'reread', 'remap'));
";

const DOWN: &str = r"
alter table event drop constraint event_origin_check;
alter table event add constraint event_origin_check
    check (origin in ('backfill', 'webhook', 'event_log', 'sweep', 'reread'));
alter table event drop column delivered_at;
alter table connection drop column settings_read_at;
alter table connection drop column webhook_problem;
alter table connection drop column webhook_checked_at;
alter table connection drop column webhook_old_signing_key;
drop table drift;
delete from sync_run where kind <> 'backfill';
alter table sync_run drop constraint sync_run_kind_check;
alter table sync_run add constraint sync_run_kind_check check (kind in ('backfill'));
";
