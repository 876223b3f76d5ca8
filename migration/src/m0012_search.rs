//! Indexes by which people look for records: parts of names, addresses and numbers, in any spelling; custom values.
//!
//! `pg_trgm` is a trusted extension: whoever owns the database may create it. The expressions stand word for word in the
//! statement of `search`.
//!
//! What is written waits in a list of the index, of 64 MB at most, until a vacuum sorts it in: a first load would spend a
//! third of its time at that.

use crate::Step;

pub(crate) const STEP: Step = Step {
    name: "m0012_search",
    up: UP,
    down: DOWN,
};

const UP: &str = r"
create extension if not exists pg_trgm;
create index company_name_prefix on company (connection_id, lower(name) text_pattern_ops, id);
create index company_name_trigram on company using gin (name gin_trgm_ops) with (gin_pending_list_limit = 65536);
create index company_domain_trigram on company using gin (domain gin_trgm_ops) with (gin_pending_list_limit = 65536);
create index person_name_prefix on person (connection_id, lower(name) text_pattern_ops, id);
create index person_name_trigram on person using gin (name gin_trgm_ops) with (gin_pending_list_limit = 65536);
create index person_emails_trigram on person
    using gin (lower(jsonb_path_query_array(emails, '$[*].email')::text) gin_trgm_ops) with (gin_pending_list_limit = 65536);
create index person_phones_trigram on person
    using gin (regexp_replace(jsonb_path_query_array(phones, '$[*].number')::text, '[^0-9,]', '', 'g') gin_trgm_ops) with (gin_pending_list_limit = 65536);
create index receivable_number_trigram on receivable using gin (number gin_trgm_ops) with (gin_pending_list_limit = 65536);
create index company_custom on company using gin (custom jsonb_path_ops) with (gin_pending_list_limit = 65536);
create index person_custom on person using gin (custom jsonb_path_ops) with (gin_pending_list_limit = 65536);
create index opportunity_custom on opportunity using gin (custom jsonb_path_ops) with (gin_pending_list_limit = 65536);
create index transaction_custom on transaction using gin (custom jsonb_path_ops) with (gin_pending_list_limit = 65536);
create index receivable_custom on receivable using gin (custom jsonb_path_ops) with (gin_pending_list_limit = 65536);
create index opportunity_confidence on opportunity (connection_id, confidence, id);
create index receivable_paid on receivable (connection_id, paid_on, id);
";

const DOWN: &str = r"
drop index receivable_paid;
drop index opportunity_confidence;
drop index receivable_custom;
drop index transaction_custom;
drop index opportunity_custom;
drop index person_custom;
drop index company_custom;
drop index receivable_number_trigram;
drop index person_phones_trigram;
drop index person_emails_trigram;
drop index person_name_trigram;
drop index person_name_prefix;
drop index company_domain_trigram;
drop index company_name_trigram;
drop index company_name_prefix;
drop extension pg_trgm;
";
