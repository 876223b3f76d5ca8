//! Sessions of browsers: made by a token or by an OpenID Connect provider, and noted in the access log.

use crate::Step;

pub(crate) const STEP: Step = Step {
    name: "m0020_browser_session",
    up: UP,
    down: DOWN,
};

/// A session that ends is told by a word of its own: kept answers stay, since nobody sees something else than before.
const UP: &str = r"
create table browser_session (
    id uuid primary key,
    hash bytea not null unique,
    token_id uuid,
    issuer text,
    subject text,
    role text check (role in ('viewer', 'operator', 'admin')),
    connections uuid[],
    created_at timestamptz not null default now(),
    used_at timestamptz not null default now(),
    expires_at timestamptz not null,
    check (case when token_id is null then issuer is not null and subject is not null and role is not null
                else coalesce(issuer, subject, role) is null and connections is null end)
);
create index browser_session_end on browser_session (expires_at);

create function closegraph_tell_session() returns trigger language plpgsql as $$
begin
    if exists (select from gone) then
        perform pg_notify('closegraph_feed', 'session');
    end if;
    return null;
end $$;
create trigger tell_session after delete on browser_session referencing old table as gone
    for each statement execute function closegraph_tell_session();

alter table access_entry drop constraint access_entry_action_check;
alter table access_entry add constraint access_entry_action_check
    check (action in ('token_created', 'token_revoked', 'events_replayed', 'events_discarded', 'records_linked',
                      'records_unlinked', 'mapping_set', 'mapping_reset', 'person_forgotten', 'person_exported',
                      'signed_in', 'signed_out'));
";

/// What the older schema has no words for goes.
const DOWN: &str = r"
alter table access_entry disable trigger append_only;
delete from access_entry where action in ('signed_in', 'signed_out');
alter table access_entry enable trigger append_only;
alter table access_entry drop constraint access_entry_action_check;
alter table access_entry add constraint access_entry_action_check
    check (action in ('token_created', 'token_revoked', 'events_replayed', 'events_discarded', 'records_linked',
                      'records_unlinked', 'mapping_set', 'mapping_reset', 'person_forgotten', 'person_exported'));
drop table browser_session;
drop function closegraph_tell_session();
";
