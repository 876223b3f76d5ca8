//! Requests for access that wait for a person's answer in Close. Any process may be the one that the answer comes to.

use crate::Step;

pub(crate) const STEP: Step = Step {
    name: "m0016_authorization",
    up: UP,
    down: "drop table authorization_attempt;",
};

const UP: &str = r"
create table authorization_attempt (
    id uuid primary key,
    state_hash bytea not null unique,
    server_url text not null,
    sealed bytea,
    created_at timestamptz not null default now(),
    expires_at timestamptz not null,
    used_at timestamptz,
    connection_id uuid,
    problem text
);
";
