//! What webhooks bring is first logged here, in a table that costs Postgres little more than the bytes, and taken from
//! here into `event`.

use crate::Step;

pub(crate) const STEP: Step = Step {
    name: "m0009_delivery",
    up: UP,
    down: DOWN,
};

/// A body is neither compressed nor, below a page, stored apart: it is read once, soon. Rows come and go, so that the
/// table is vacuumed by their number, not by their share of it.
const UP: &str = r"
create table delivery (
    seq bigint generated always as identity primary key,
    id uuid not null,
    connection_id uuid not null,
    payload text not null,
    received_at timestamptz not null default now()
) with (toast_tuple_target = 8160, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000,
        autovacuum_vacuum_insert_scale_factor = 0, autovacuum_vacuum_insert_threshold = 1000000,
        autovacuum_analyze_scale_factor = 0, autovacuum_analyze_threshold = 50000,
        autovacuum_vacuum_cost_delay = 0);
alter table delivery alter column payload set storage external;
";

/// What waits was acknowledged: it is not thrown away.
const DOWN: &str = r"
do $$ begin
    if exists (select from delivery) then
        raise exception 'deliveries wait in the table delivery: let a serving process work them off first';
    end if;
end $$;
drop table delivery;
";
