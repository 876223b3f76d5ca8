//! What the API asks runs in one of two roles that may only read: `closegraph_reader` sees all connections,
//! `closegraph_tenant` those that the session names in `closegraph.connections`, whatever the statement says.
//!
//! `closegraph_protect` is called after each change of the schema (see `crate::up`): what is new by then is protected, too.
//! Roles are of the whole server. An account that may not make them goes without, until somebody makes them.
//!
//! Below a policy Postgres uses no index by operators that could tell what they compare, which are those of parts of texts
//! and of JSON. Rows are found by them in views of the same connections, which have the columns that are compared so.

use crate::Step;

pub(crate) const STEP: Step = Step {
    name: "m0018_row_level_security",
    up: UP,
    down: DOWN,
};

const UP: &str = r"
create function closegraph_scope() returns uuid[] language sql stable as
$$ select coalesce(nullif(current_setting('closegraph.connections', true), ''), '{}')::uuid[] $$;

create view company_words as select id, connection_id, name, domain, custom from company
    where connection_id = any ((select closegraph_scope())::uuid[]);
create view person_words as select id, connection_id, name, emails, phones, custom from person
    where connection_id = any ((select closegraph_scope())::uuid[]);
create view opportunity_words as select id, connection_id, custom from opportunity
    where connection_id = any ((select closegraph_scope())::uuid[]);
create view transaction_words as select id, connection_id, custom from transaction
    where connection_id = any ((select closegraph_scope())::uuid[]);
create view receivable_words as select id, connection_id, number, custom from receivable
    where connection_id = any ((select closegraph_scope())::uuid[]);

create procedure closegraph_protect() language plpgsql as $$
declare
    named text;
    one record;
    -- What the API reads, but for bytes: what is sealed or hashed is of no use to a question.
    readable constant text[] := array[
        'access_entry', 'api_token', 'audit_entry', 'change_feed', 'company', 'connection', 'custom_field',
        'custom_record', 'custom_type', 'delivery', 'drift', 'event', 'exchange_rate', 'feed_horizon', 'invoice_mapping',
        'label', 'link', 'member', 'opportunity', 'paid_amount', 'person', 'receivable', 'receivable_line', 'revenue_day',
        'sync_checkpoint', 'sync_run', 'token_use', 'tombstone', 'transaction'];
begin
    foreach named in array array['closegraph_reader', 'closegraph_tenant'] loop
        begin
            if not exists (select from pg_roles where rolname = named) then
                execute format('create role %I nologin noinherit', named);
            end if;
            if not pg_has_role(named, 'member') then
                execute format('grant %I to current_user', named);
            end if;
        exception
            when duplicate_object or unique_violation then null;
            when insufficient_privilege then return;
        end;
        execute format('grant usage on schema %I to %I', current_schema(), named);
    end loop;

    for one in select c.oid, c.relname as name, c.relrowsecurity as is_on,
                      case when c.relname = 'connection' then 'id = any ((select closegraph_scope())::uuid[])'
                           when c.relname in ('access_entry', 'api_token')
                               then 'connections <@ (select closegraph_scope()) and connections <> ''{}'''
                           when c.relname = 'token_use' then 'exists (select from api_token t where t.id = token_id)'
                           when exists (select from pg_attribute a where a.attrelid = c.oid and a.attname = 'connection_id'
                                           and not a.attisdropped)
                               then 'connection_id = any ((select closegraph_scope())::uuid[])' end as seen
                 from pg_class c
                where c.relnamespace = current_schema()::regnamespace and c.relkind in ('r', 'p')
                order by c.relname loop
        if one.seen is null then
            continue;
        end if;
        if not one.is_on then
            execute format('alter table %I enable row level security', one.name);
        end if;
        if not exists (select from pg_policy where polrelid = one.oid and polname = 'seen_by_tenant') then
            execute format('create policy seen_by_tenant on %I for select to closegraph_tenant using (%s)', one.name, one.seen);
            execute format('create policy seen_by_reader on %I for select to closegraph_reader using (true)', one.name);
        end if;
    end loop;

    for one in select c.relname as name, string_agg(quote_ident(a.attname), ', ') as columns
                 from pg_class c
                 join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
                where c.relnamespace = current_schema()::regnamespace
                  and (c.relname = any (readable) or c.relkind = 'v' and c.relname like '%\_words')
                  and a.atttypid <> 'bytea'::regtype
                  and not has_column_privilege('closegraph_tenant', c.oid, a.attnum, 'select')
                group by c.relname loop
        execute format('grant select (%s) on %I to closegraph_reader, closegraph_tenant', one.columns, one.name);
    end loop;
end $$;
";

const DOWN: &str = r"
do $$
declare one record;
begin
    for one in select c.oid, c.relname as name from pg_class c
                where c.relnamespace = current_schema()::regnamespace and c.relrowsecurity loop
        execute format('drop policy if exists seen_by_tenant on %I', one.name);
        execute format('drop policy if exists seen_by_reader on %I', one.name);
        execute format('alter table %I disable row level security', one.name);
    end loop;
    for one in select c.relname as name from pg_class c
                where c.relnamespace = current_schema()::regnamespace and c.relkind in ('r', 'p', 'v')
                  and exists (select from pg_roles where rolname = 'closegraph_tenant') loop
        execute format('revoke all on %I from closegraph_reader, closegraph_tenant', one.name);
    end loop;
end $$;
drop procedure closegraph_protect();
drop view company_words, person_words, opportunity_words, transaction_words, receivable_words;
drop function closegraph_scope();
";
