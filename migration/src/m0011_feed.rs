//! The feed is read in the order of its transactions, let go after a while, and tells of itself: whatever the API reads
//! says which connection it changed, in the commit that changes it.

use crate::Step;

pub(crate) const STEP: Step = Step {
    name: "m0011_feed",
    up: UP,
    down: DOWN,
};

const UP: &str = r"
alter table change_feed add column recorded_at timestamptz not null default now();
create index change_feed_connection on change_feed (connection_id, xid, seq);
create index change_feed_position on change_feed (xid, seq);

create table feed_horizon (
    connection_id uuid primary key,
    xid xid8 not null,
    seq bigint not null
);

create function closegraph_tell() returns trigger language plpgsql as $$
declare one record;
begin
    for one in select distinct connection_id from changed loop
        perform pg_notify('closegraph_feed', tg_argv[0] || ' ' || one.connection_id);
    end loop;
    return null;
end $$;

create function closegraph_tell_access() returns trigger language plpgsql as $$
begin
    perform pg_notify('closegraph_feed', 'access');
    return null;
end $$;

create function closegraph_tell_settings() returns trigger language plpgsql as $$
declare one record;
begin
    for one in select n.id, (n.time_zone, n.fiscal_year_start, n.currency)
                            is distinct from (o.time_zone, o.fiscal_year_start, o.currency) as counts_otherwise
                 from changed n join before o on o.id = n.id loop
        perform pg_notify('closegraph_feed', 'data ' || one.id);
        if one.counts_otherwise then
            perform pg_notify('closegraph_feed', 'access');
        end if;
    end loop;
    return null;
end $$;

do $$
declare named text;
begin
    foreach named in array array['member', 'company', 'person', 'opportunity', 'transaction', 'receivable',
                                 'receivable_line', 'custom_record', 'paid_amount', 'tombstone', 'custom_field',
                                 'label', 'link', 'audit_entry'] loop
        execute format('create trigger tell_insert after insert on %I referencing new table as changed
                        for each statement execute function closegraph_tell(''data'')', named);
        execute format('create trigger tell_update after update on %I referencing new table as changed
                        for each statement execute function closegraph_tell(''data'')', named);
        execute format('create trigger tell_delete after delete on %I referencing old table as changed
                        for each statement execute function closegraph_tell(''data'')', named);
    end loop;
end $$;
create trigger tell_insert after insert on change_feed referencing new table as changed
    for each statement execute function closegraph_tell('feed');
create trigger tell_settings after update on connection referencing new table as changed old table as before
    for each statement execute function closegraph_tell_settings();
create trigger tell_access after insert or delete on connection
    for each statement execute function closegraph_tell_access();
create trigger tell_access after insert or update or delete on api_token
    for each statement execute function closegraph_tell_access();
";

const DOWN: &str = r"
drop trigger tell_access on api_token;
drop trigger tell_access on connection;
drop trigger tell_settings on connection;
drop trigger tell_insert on change_feed;
do $$
declare named text;
begin
    foreach named in array array['member', 'company', 'person', 'opportunity', 'transaction', 'receivable',
                                 'receivable_line', 'custom_record', 'paid_amount', 'tombstone', 'custom_field',
                                 'label', 'link', 'audit_entry'] loop
        execute format('drop trigger tell_delete on %I', named);
        execute format('drop trigger tell_update on %I', named);
        execute format('drop trigger tell_insert on %I', named);
    end loop;
end $$;
drop function closegraph_tell_settings();
drop function closegraph_tell_access();
drop function closegraph_tell();
drop table feed_horizon;
drop index change_feed_position;
drop index change_feed_connection;
alter table change_feed drop column recorded_at;
";
