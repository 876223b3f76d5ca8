//! Who changed what, and when tokens were last used.

use crate::Step;

pub(crate) const STEP: Step = Step {
    name: "m0017_access",
    up: UP,
    down: DOWN,
};

/// The last use stands apart from the token: a change of `api_token` makes all kept answers unusable.
const UP: &str = r"
create table token_use (
    token_id uuid primary key,
    used_at timestamptz not null
);

create table access_entry (
    seq bigint generated always as identity primary key,
    id uuid not null unique default gen_random_uuid(),
    at timestamptz not null default now(),
    actor text not null,
    token_id uuid,
    token_prefix text,
    action text not null check (action in ('token_created', 'token_revoked', 'events_replayed', 'events_discarded',
                                           'records_linked', 'records_unlinked', 'mapping_set', 'mapping_reset')),
    connections uuid[],
    subject_id uuid,
    details jsonb not null default '{}'
);

create function closegraph_append_only() returns trigger language plpgsql as $$
begin
    raise exception '% is only ever added to', tg_table_name;
end $$;
create trigger append_only before update or delete or truncate on access_entry
    for each statement execute function closegraph_append_only();
";

const DOWN: &str = r"
drop table access_entry;
drop function closegraph_append_only();
drop table token_use;
";
