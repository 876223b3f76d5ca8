//! Connections, the users of their organizations, their custom fields, and API tokens.

use crate::Step;

pub(crate) const STEP: Step = Step {
    name: "m0001_connection",
    up: UP,
    down: DOWN,
};

const UP: &str = r"
create table connection (
    id uuid primary key,
    source text not null check (source in ('close')),
    auth_method text not null check (auth_method in ('api_key', 'oauth', 'mcp')),
    status text not null check (status in ('active', 'paused', 'needs_reconnect', 'disconnected')),
    status_reason text,
    organization_id text not null,
    organization_name text,
    currency text not null,
    time_zone text not null default 'UTC',
    fiscal_year_start smallint not null default 1 check (fiscal_year_start between 1 and 12),
    value_exponent smallint not null default 2 check (value_exponent between 0 and 4),
    base_url text not null,
    credential bytea,
    scopes jsonb not null default '[]',
    webhook_subscription_id text,
    webhook_signing_key bytea,
    webhook_url text,
    webhook_status text,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    unique (source, organization_id)
);

create table custom_field (
    connection_id uuid not null,
    record_type text not null,
    close_id text not null,
    name text not null,
    type text not null,
    accepts_multiple_values boolean not null default false,
    position integer not null,
    synced_at timestamptz not null default now(),
    primary key (connection_id, record_type, close_id)
);

create table api_token (
    id uuid primary key,
    name text not null,
    prefix text not null,
    hash bytea not null unique,
    role text not null check (role in ('viewer', 'operator', 'admin')),
    connections uuid[],
    expires_at timestamptz,
    revoked_at timestamptz,
    created_at timestamptz not null default now()
);
";

const DOWN: &str = r"
drop table api_token;
drop table custom_field;
drop table connection;
";
