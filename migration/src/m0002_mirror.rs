//! The mirrored tables.
//!
//! Each index starts with the connection, since every read is scoped to connections, and ends with the id, so that it
//! is the exact order of a keyset page. No foreign keys: a child may arrive before its parent.

use crate::Step;

pub(crate) const STEP: Step = Step {
    name: "m0002_mirror",
    up: UP,
    down: DOWN,
};

const UP: &str = r"
create table member (
    id uuid primary key,
    connection_id uuid not null,
    close_id text not null,
    name text,
    first_name text,
    last_name text,
    email text,
    time_zone text,
    custom jsonb not null default '{}',
    raw jsonb not null,
    source_created_at timestamptz,
    source_updated_at timestamptz not null,
    synced_at timestamptz not null default now()
);
create index member_name on member (connection_id, name, id);

create table company (
    id uuid primary key,
    connection_id uuid not null,
    close_id text not null,
    name text,
    description text,
    url text,
    domain text,
    status_id text,
    status_label text,
    addresses jsonb not null default '[]',
    custom jsonb not null default '{}',
    raw jsonb not null,
    source_created_at timestamptz,
    source_updated_at timestamptz not null,
    synced_at timestamptz not null default now()
);
create index company_name on company (connection_id, name, id);
create index company_domain on company (connection_id, domain, id);
create index company_status on company (connection_id, status_label, id);
create index company_created on company (connection_id, source_created_at, id);
create index company_updated on company (connection_id, source_updated_at, id);

create table person (
    id uuid primary key,
    connection_id uuid not null,
    close_id text not null,
    company_id uuid,
    name text,
    title text,
    primary_email text,
    primary_phone text,
    emails jsonb not null default '[]',
    phones jsonb not null default '[]',
    urls jsonb not null default '[]',
    time_zone text,
    custom jsonb not null default '{}',
    raw jsonb not null,
    source_created_at timestamptz,
    source_updated_at timestamptz not null,
    synced_at timestamptz not null default now()
);
create index person_company on person (company_id, name, id);
create index person_name on person (connection_id, name, id);
create index person_email on person (connection_id, primary_email, id);
create index person_phone on person (connection_id, primary_phone, id);
create index person_created on person (connection_id, source_created_at, id);
create index person_updated on person (connection_id, source_updated_at, id);

create table opportunity (
    id uuid primary key,
    connection_id uuid not null,
    close_id text not null,
    company_id uuid,
    person_id uuid,
    owner_id uuid,
    status text not null check (status in ('active', 'won', 'lost')),
    status_id text,
    status_label text,
    pipeline_id text,
    pipeline_name text,
    value_minor bigint,
    currency text not null,
    value_period text not null check (value_period in ('one_time', 'monthly', 'annual')),
    expected_value_minor bigint,
    annualized_value_minor bigint,
    confidence smallint,
    expected_on date,
    won_on date,
    lost_at timestamptz,
    note text,
    stage_entered_at timestamptz,
    custom jsonb not null default '{}',
    raw jsonb not null,
    source_created_at timestamptz,
    source_updated_at timestamptz not null,
    synced_at timestamptz not null default now()
);
create index opportunity_company on opportunity (company_id, id);
create index opportunity_person on opportunity (person_id, id);
create index opportunity_owner on opportunity (owner_id, id);
create index opportunity_status on opportunity (connection_id, status, status_label, id);
create index opportunity_expected on opportunity (connection_id, expected_on, id);
create index opportunity_won on opportunity (connection_id, won_on, id);
create index opportunity_value on opportunity (connection_id, value_minor, id);
create index opportunity_created on opportunity (connection_id, source_created_at, id);
create index opportunity_updated on opportunity (connection_id, source_updated_at, id);

create table transaction (
    id uuid primary key,
    connection_id uuid not null,
    close_id text not null,
    kind text not null check (kind in ('won_deal', 'invoice_payment')),
    opportunity_id uuid,
    company_id uuid,
    person_id uuid,
    owner_id uuid,
    occurred_on date,
    amount_minor bigint,
    currency text not null,
    billing_period text not null check (billing_period in ('one_time', 'monthly', 'annual')),
    category text,
    pipeline_id text,
    pipeline_name text,
    custom jsonb not null default '{}',
    source_created_at timestamptz,
    source_updated_at timestamptz not null,
    synced_at timestamptz not null default now()
);
create index transaction_company on transaction (company_id, occurred_on, id);
create index transaction_opportunity on transaction (opportunity_id);
create index transaction_person on transaction (person_id, id);
create index transaction_owner on transaction (owner_id, id);
create index transaction_occurred on transaction (connection_id, kind, occurred_on, id)
    include (currency, amount_minor);
create index transaction_day on transaction (connection_id, occurred_on, id);
create index transaction_amount on transaction (connection_id, amount_minor, id);
create index transaction_created on transaction (connection_id, source_created_at, id);
create index transaction_updated on transaction (connection_id, source_updated_at, id);

create table tombstone (
    record_id uuid primary key,
    connection_id uuid not null,
    record_type text not null,
    close_id text not null,
    version timestamptz not null,
    merged_into_id uuid,
    event_id uuid,
    recorded_at timestamptz not null default now()
);
create index tombstone_connection on tombstone (connection_id, record_type, close_id);
";

const DOWN: &str = r"
drop table tombstone;
drop table transaction;
drop table opportunity;
drop table person;
drop table company;
drop table member;
";
