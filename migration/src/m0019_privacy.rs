//! People who are to be known no more: what a tombstone says of them, and the words of the access log.

use crate::Step;

pub(crate) const STEP: Step = Step {
    name: "m0019_privacy",
    up: UP,
    down: DOWN,
};

/// The words are added to those that the constraint has, whichever these are by now.
const UP: &str = r"
alter table tombstone add column forgotten_at timestamptz;
alter table tombstone add column purged_at timestamptz;
alter table tombstone add column company_ids uuid[] not null default '{}';
create index tombstone_forgotten on tombstone (connection_id) where forgotten_at is not null;
create index tombstone_company on tombstone using gin (company_ids) where forgotten_at is not null;
create index tombstone_unpurged on tombstone (connection_id, recorded_at)
    where record_type = 'person' and purged_at is null and forgotten_at is null;

do $$
declare known text;
begin
    select pg_get_expr(conbin, conrelid) into strict known
      from pg_constraint where conname = 'access_entry_action_check';
    alter table access_entry drop constraint access_entry_action_check;
    execute format('alter table access_entry add constraint access_entry_action_check check (%s or %s)',
                   known, 'action in (''person_forgotten'', ''person_exported'')');
end $$;
";

/// Entries of the access log can't be taken back: they stay, and the words are refused from then on.
const DOWN: &str = r"
do $$
declare known text;
begin
    select pg_get_expr(conbin, conrelid) into strict known
      from pg_constraint where conname = 'access_entry_action_check';
    known := regexp_replace(known, '^\((.*) OR \(action = ANY \(ARRAY\[''person_forgotten''.*$', '\1');
    alter table access_entry drop constraint access_entry_action_check;
    execute format('alter table access_entry add constraint access_entry_action_check check %s', known)
        || case when exists (select from access_entry where action in ('person_forgotten', 'person_exported'))
                then ' not valid' else '' end;
end $$;
drop index tombstone_unpurged;
drop index tombstone_company;
drop index tombstone_forgotten;
alter table tombstone drop column company_ids;
alter table tombstone drop column purged_at;
alter table tombstone drop column forgotten_at;
";
