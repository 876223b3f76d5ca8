//! Invoices: the custom objects and custom activities that teams keep them in, what is made of them, and how they hang
//! together with won deals.

use crate::Step;

pub(crate) const STEP: Step = Step {
    name: "m0010_receivable",
    up: UP,
    down: DOWN,
};

const UP: &str = r"
create table custom_type (
    connection_id uuid not null,
    close_id text not null,
    kind text not null check (kind in ('custom_object', 'custom_activity')),
    name text not null,
    archived boolean not null default false,
    fields jsonb not null default '[]',
    synced_at timestamptz not null default now(),
    primary key (connection_id, close_id)
);

create table invoice_mapping (
    connection_id uuid primary key,
    state text not null check (state in ('active', 'waiting', 'none')),
    origin text not null check (origin in ('proposed', 'person')),
    mapping jsonb,
    proposals jsonb not null default '[]',
    decided_by text,
    updated_at timestamptz not null default now()
);

create table custom_record (
    id uuid primary key,
    connection_id uuid not null,
    close_id text not null,
    kind text not null check (kind in ('custom_object', 'custom_activity')),
    type_id text,
    company_id uuid,
    name text,
    custom jsonb not null default '{}',
    raw jsonb not null,
    source_created_at timestamptz,
    source_updated_at timestamptz not null,
    synced_at timestamptz not null default now()
);
create index custom_record_type on custom_record (connection_id, type_id, source_updated_at, id);
create index custom_record_updated on custom_record (connection_id, source_updated_at, id);

create table receivable (
    id uuid primary key,
    connection_id uuid not null,
    close_id text not null,
    company_id uuid,
    person_id uuid,
    opportunity_id uuid,
    number text,
    status text check (status in ('draft', 'issued', 'paid', 'void')),
    status_label text,
    payment_status text not null check (payment_status in ('unpaid', 'partial', 'paid', 'overpaid', 'unknown')),
    issued_on date,
    due_on date,
    paid_on date,
    terms text,
    currency text not null,
    currency_places smallint not null,
    total_minor bigint,
    tax_minor bigint,
    paid_minor bigint,
    balance_minor bigint,
    flags jsonb not null default '[]',
    custom jsonb not null default '{}',
    source_created_at timestamptz,
    source_updated_at timestamptz not null,
    synced_at timestamptz not null default now()
);
create index receivable_company on receivable (company_id, issued_on, id);
create index receivable_person on receivable (person_id, id);
create index receivable_opportunity on receivable (opportunity_id);
create index receivable_number on receivable (connection_id, number, id);
create index receivable_due on receivable (connection_id, due_on, id);
create index receivable_owed on receivable (connection_id, due_on, id) include (currency, balance_minor)
    where payment_status in ('unpaid', 'partial');
create index receivable_issued on receivable (connection_id, issued_on, id) include (currency, total_minor);
create index receivable_total on receivable (connection_id, total_minor, id);
create index receivable_balance on receivable (connection_id, balance_minor, id);
create index receivable_created on receivable (connection_id, source_created_at, id);
create index receivable_updated on receivable (connection_id, source_updated_at, id);

create table receivable_line (
    id uuid primary key,
    connection_id uuid not null,
    close_id text not null,
    receivable_id uuid,
    position integer not null,
    description text,
    quantity numeric,
    unit_price numeric,
    tax_rate numeric,
    total numeric,
    custom jsonb not null default '{}',
    source_created_at timestamptz,
    source_updated_at timestamptz not null,
    synced_at timestamptz not null default now()
);
create index receivable_line_receivable on receivable_line (receivable_id, position, id);

create table paid_amount (
    receivable_id uuid not null,
    version timestamptz not null,
    connection_id uuid not null,
    currency text not null,
    paid_minor bigint not null,
    paid_on date,
    event_id uuid,
    primary key (receivable_id, version)
);
create index paid_amount_connection on paid_amount (connection_id);

alter table transaction add column receivable_id uuid;
alter table transaction add column category_rule text;
create index transaction_receivable on transaction (receivable_id, occurred_on, id);
create index transaction_category on transaction (connection_id, category, id);

create table link (
    receivable_id uuid not null,
    opportunity_id uuid not null,
    connection_id uuid not null,
    state text not null check (state in ('linked', 'candidate', 'rejected')),
    origin text not null check (origin in ('field', 'match', 'person')),
    score smallint not null check (score between 0 and 100),
    reasons jsonb not null default '[]',
    decided_by text,
    updated_at timestamptz not null default now(),
    primary key (receivable_id, opportunity_id)
);
create index link_opportunity on link (opportunity_id, state);
create index link_connection on link (connection_id, state);

create table match_queue (
    company_id uuid primary key,
    connection_id uuid not null
);
create index match_queue_connection on match_queue (connection_id, company_id);

alter table connection add column high_value_minor bigint;
alter table connection add column category_rules jsonb;
alter table label add column position integer not null default 0;

alter table event drop constraint event_origin_check;
alter table event add constraint event_origin_check
    check (origin in ('backfill', 'webhook', 'event_log', 'sweep', 'reread', 'remap', 'person'));
create index event_schema on event (connection_id, received_at)
    where object_type in ('custom_object_type', 'custom_activity_type', 'custom_fields.custom_object',
                          'custom_fields.activity', 'custom_fields.shared');
";

const DOWN: &str = r"
drop index event_schema;
alter table event drop constraint event_origin_check;
alter table event add constraint event_origin_check
    check (origin in ('backfill', 'webhook', 'event_log', 'sweep', 'reread', 'remap'));
alter table label drop column position;
alter table connection drop column category_rules;
alter table connection drop column high_value_minor;
drop table match_queue;
drop table link;
delete from transaction where kind = 'invoice_payment';
drop index transaction_category;
drop index transaction_receivable;
alter table transaction drop column category_rule;
alter table transaction drop column receivable_id;
drop table paid_amount;
drop table receivable_line;
drop table receivable;
drop table custom_record;
drop table invoice_mapping;
drop table custom_type;
";
