//! People who are to be known no more: what a tombstone says of them, and the words of the access log.

use crate::Step;

pub(crate) const STEP: Step = Step {
    name: "m0019_privacy",
    up: UP,
    down: DOWN,
};

const UP: &str = r"
alter table tombstone add column forgotten_at timestamptz;
alter table tombstone add column purged_at timestamptz;
alter table tombstone add column company_ids uuid[] not null default '{}';
create index tombstone_forgotten on tombstone (connection_id) where forgotten_at is not null;
create index tombstone_company on tombstone using gin (company_ids) where forgotten_at is not null;
create index tombstone_unpurged on tombstone (connection_id, recorded_at)
    where record_type = 'person' and purged_at is null and forgotten_at is null;

alter table access_entry drop constraint access_entry_action_check;
alter table access_entry add constraint access_entry_action_check
    check (action in ('token_created', 'token_revoked', 'events_replayed', 'events_discarded', 'records_linked',
                      'records_unlinked', 'mapping_set', 'mapping_reset', 'person_forgotten', 'person_exported'));
";

/// What the older schema has no words for goes.
const DOWN: &str = r"
alter table access_entry disable trigger append_only;
delete from access_entry where action in ('person_forgotten', 'person_exported');
alter table access_entry enable trigger append_only;
alter table access_entry drop constraint access_entry_action_check;
alter table access_entry add constraint access_entry_action_check
    check (action in ('token_created', 'token_revoked', 'events_replayed', 'events_discarded', 'records_linked',
                      'records_unlinked', 'mapping_set', 'mapping_reset'));
drop index tombstone_unpurged;
drop index tombstone_company;
drop index tombstone_forgotten;
alter table tombstone drop column company_ids;
alter table tombstone drop column purged_at;
alter table tombstone drop column forgotten_at;
";
