//! Revenue by day, kept by the transactions themselves: a sum over years reads a row a day, not a row a deal.

use crate::Step;

pub(crate) const STEP: Step = Step {
    name: "m0015_revenue_day",
    up: UP,
    down: DOWN,
};

/// Rows of one day add up. A write to `transaction` only ever adds rows to it, so that writers never wait for each other;
/// from time to time what was added is folded into one row a day. The triggers stand before the table is filled: they
/// hold off writers until the step commits.
const UP: &str = r"
create table revenue_day (
    seq bigint generated always as identity primary key,
    connection_id uuid not null,
    kind text not null check (kind in ('won_deal', 'invoice_payment')),
    occurred_on date not null,
    currency text not null,
    total_minor numeric not null,
    deals bigint not null,
    known bigint not null,
    folded boolean not null default false
);
create index revenue_day_kind on revenue_day (connection_id, kind, occurred_on)
    include (currency, total_minor, deals, known);
create index revenue_day_added on revenue_day (connection_id, kind, occurred_on, currency) where not folded;

create function add_revenue_day() returns trigger language plpgsql as $$
begin
    if tg_op = 'INSERT' then
        insert into revenue_day (connection_id, kind, occurred_on, currency, total_minor, deals, known)
        select connection_id, kind, occurred_on, currency, coalesce(sum(amount_minor), 0), count(*), count(amount_minor)
          from added where occurred_on is not null group by 1, 2, 3, 4;
    elsif tg_op = 'DELETE' then
        insert into revenue_day (connection_id, kind, occurred_on, currency, total_minor, deals, known)
        select connection_id, kind, occurred_on, currency, -coalesce(sum(amount_minor), 0), -count(*), -count(amount_minor)
          from removed where occurred_on is not null group by 1, 2, 3, 4;
    else
        insert into revenue_day (connection_id, kind, occurred_on, currency, total_minor, deals, known)
        select * from (
            select connection_id, kind, occurred_on, currency, coalesce(sum(sign * amount_minor), 0) as total_minor,
                   sum(sign) as deals, coalesce(sum(sign) filter (where amount_minor is not null), 0) as known
              from (select 1 as sign, connection_id, kind, occurred_on, currency, amount_minor::numeric from added
                    union all
                    select -1, connection_id, kind, occurred_on, currency, amount_minor::numeric from removed) t
             where occurred_on is not null group by 1, 2, 3, 4) d
         where total_minor <> 0 or deals <> 0 or known <> 0;
    end if;
    return null;
end $$;
create trigger revenue_day_insert after insert on transaction referencing new table as added
    for each statement execute function add_revenue_day();
create trigger revenue_day_update after update on transaction referencing old table as removed new table as added
    for each statement execute function add_revenue_day();
create trigger revenue_day_delete after delete on transaction referencing old table as removed
    for each statement execute function add_revenue_day();

insert into revenue_day (connection_id, kind, occurred_on, currency, total_minor, deals, known, folded)
select connection_id, kind, occurred_on, currency, coalesce(sum(amount_minor), 0), count(*), count(amount_minor), true
  from transaction where occurred_on is not null group by 1, 2, 3, 4;
";

const DOWN: &str = r"
drop trigger revenue_day_insert on transaction;
drop trigger revenue_day_update on transaction;
drop trigger revenue_day_delete on transaction;
drop function add_revenue_day();
drop table revenue_day;
";
