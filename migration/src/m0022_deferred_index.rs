//! Indexes that a first load has put aside, until it builds them over all rows at once: that costs a third of what a load
//! spends on keeping them in order row by row.
//!
//! An index and its row here change in one transaction, so one of them is there after a crash.

use crate::Step;

pub(crate) const STEP: Step = Step {
    name: "m0022_deferred_index",
    up: UP,
    down: DOWN,
};

const UP: &str = r"
create table deferred_index (
    name text primary key,
    method text not null,
    definition text not null,
    deferred_at timestamptz not null default now()
);

create function closegraph_defer_indexes(filled text[], beside text[]) returns bigint language plpgsql as $$
declare
    named text;
    tables constant text[] := filled || beside;
    is_sure boolean;
    has_rows boolean;
    deferred text[];
begin
    -- A look before the lock spares all others the wait where there are rows, and one behind it is sure.
    foreach is_sure in array array[false, true] loop
        if is_sure then
            execute format('lock table %s in access exclusive mode',
                           (select string_agg(quote_ident(one), ', ' order by one) from unnest(tables) one));
        end if;
        foreach named in array filled loop
            execute format('select exists (select from %I)', named) into has_rows;
            if has_rows then
                return 0;
            end if;
        end loop;
    end loop;
    with put_aside as (
        insert into deferred_index (name, method, definition)
        select c.relname, m.amname, pg_get_indexdef(i.indexrelid)
          from pg_index i
          join pg_class c on c.oid = i.indexrelid
          join pg_am m on m.oid = c.relam
         where i.indrelid = any (array(select one::regclass from unnest(tables) one)) and not i.indisunique
        returning name)
    select array_agg(name) into deferred from put_aside;
    foreach named in array coalesce(deferred, '{}') loop
        execute format('drop index %I', named);
    end loop;
    return coalesce(cardinality(deferred), 0);
end $$;

create function closegraph_build_index(named text) returns void language plpgsql as $$
declare wanted text;
begin
    delete from deferred_index where name = named returning definition into wanted;
    if wanted is not null and to_regclass(quote_ident(named)) is null then
        execute wanted;
    end if;
end $$;
";

const DOWN: &str = r"
set local statement_timeout = 0;
select closegraph_build_index(name) from deferred_index;
drop function closegraph_build_index(text);
drop function closegraph_defer_indexes(text[], text[]);
drop table deferred_index;
";
