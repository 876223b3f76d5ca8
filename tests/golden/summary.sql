-- { summary(period: THIS_MONTH) { newCompanies newPeople won { count } collected { count } invoiced { count } outstanding { count } topCompanies(first: 5) { company { name } } } }
with c as (select *
from unnest($1, $4, $5, $2, $3, $6, $7) as c (connection_id, since, until, since_at, until_at, today, currency)) select json_build_object('newCompanies', (select count(*)
from c
join company x on x.connection_id = c.connection_id and x.source_created_at >= c.since_at and x.source_created_at < c.until_at), 'newPeople', (select count(*)
from c
join person x on x.connection_id = c.connection_id and x.source_created_at >= c.since_at and x.source_created_at < c.until_at), 'won', (with c as (select *
from unnest($8, $9, $10, $11, $12, $13, $14) as c (connection_id, since, until, previous_since, previous_until, ahead, currency)), facts as (select t.connection_id, t.currency, t.amount, t.deals, t.known, t.current, c.since, c.until, c.ahead, '' as k1, '' as k2, null::text as l1, null::text as l2, t.bucket, t.day
from c
cross join lateral ( select t.connection_id, t.currency, t.occurred_on >= c.since as current, null::date as bucket, null::date as day, sum(t.deals) as deals, sum(t.known) as known, case when sum(t.known) > 0 then sum(t.total_minor) end as amount
from revenue_day t
where t.connection_id = c.connection_id and t.kind = 'won_deal' and t.occurred_on >= c.previous_since and t.occurred_on <= c.until and (t.occurred_on >= c.since or t.occurred_on <= c.previous_until)
group by 1, 2, 3, 4, 5 having sum(t.deals) <> 0) t), shown as (select 0 as place, currency, amount, deals, known, current, since, until, ahead, k1, k2, l1, l2, bucket, day
from facts
union all select 0, c.currency, null::bigint, 0, 0, null::boolean, c.since, c.until, c.ahead, '', '', null, null, null::date, null::date
from c) select coalesce(json_agg(json_build_object( 'currency', r.currency, 'since', r.since, 'until', r.until, 'total', r.total::text, 'count', r.count, 'known', r.known, 'previous', json_build_object('total', r.previous_total::text, 'count', r.previous_count), 'keys', json_build_array(), 'converted', null, 'time', case when r.bucket is not null then json_build_object('start', r.bucket, 'from', r.first, 'to', r.last) end)
order by r.currency, r.place, r.bucket), '[]')
from (select s.currency, s.k1, s.k2, s.bucket, max(s.l1) as l1, max(s.l2) as l2, min(s.place) as place, min(s.since) as since, max(s.until) as until, min(greatest((s.bucket - make_interval(months => s.ahead::int))::date, s.since)) as first, max(least((s.bucket + interval '1 day' - make_interval(months => s.ahead::int))::date - 1, s.until)) as last, coalesce(sum(s.amount) filter (where s.current), 0) as total, coalesce(sum(s.deals) filter (where s.current), 0) as count, coalesce(sum(s.known) filter (where s.current), 0) as known, coalesce(sum(s.amount) filter (where not s.current), 0) as previous_total, coalesce(sum(s.deals) filter (where not s.current), 0) as previous_count
from shown s
group by s.currency, s.k1, s.k2, s.bucket) r), 'collected', (with c as (select *
from unnest($16, $17, $18, $19, $20, $21, $22) as c (connection_id, since, until, previous_since, previous_until, ahead, currency)), facts as (select t.connection_id, t.currency, t.amount, t.deals, t.known, t.current, c.since, c.until, c.ahead, '' as k1, '' as k2, null::text as l1, null::text as l2, t.bucket, t.day
from c
cross join lateral ( select t.connection_id, t.currency, t.occurred_on >= c.since as current, null::date as bucket, null::date as day, sum(t.deals) as deals, sum(t.known) as known, case when sum(t.known) > 0 then sum(t.total_minor) end as amount
from revenue_day t
where t.connection_id = c.connection_id and t.kind = 'invoice_payment' and t.occurred_on >= c.previous_since and t.occurred_on <= c.until and (t.occurred_on >= c.since or t.occurred_on <= c.previous_until)
group by 1, 2, 3, 4, 5 having sum(t.deals) <> 0) t), shown as (select 0 as place, currency, amount, deals, known, current, since, until, ahead, k1, k2, l1, l2, bucket, day
from facts
union all select 0, c.currency, null::bigint, 0, 0, null::boolean, c.since, c.until, c.ahead, '', '', null, null, null::date, null::date
from c) select coalesce(json_agg(json_build_object( 'currency', r.currency, 'since', r.since, 'until', r.until, 'total', r.total::text, 'count', r.count, 'known', r.known, 'previous', json_build_object('total', r.previous_total::text, 'count', r.previous_count), 'keys', json_build_array(), 'converted', null, 'time', case when r.bucket is not null then json_build_object('start', r.bucket, 'from', r.first, 'to', r.last) end)
order by r.currency, r.place, r.bucket), '[]')
from (select s.currency, s.k1, s.k2, s.bucket, max(s.l1) as l1, max(s.l2) as l2, min(s.place) as place, min(s.since) as since, max(s.until) as until, min(greatest((s.bucket - make_interval(months => s.ahead::int))::date, s.since)) as first, max(least((s.bucket + interval '1 day' - make_interval(months => s.ahead::int))::date - 1, s.until)) as last, coalesce(sum(s.amount) filter (where s.current), 0) as total, coalesce(sum(s.deals) filter (where s.current), 0) as count, coalesce(sum(s.known) filter (where s.current), 0) as known, coalesce(sum(s.amount) filter (where not s.current), 0) as previous_total, coalesce(sum(s.deals) filter (where not s.current), 0) as previous_count
from shown s
group by s.currency, s.k1, s.k2, s.bucket) r), 'invoiced', (select coalesce(json_agg(json_build_object('currency', r.currency, 'total', r.total::text, 'count', r.count, 'known', r.known)
order by r.currency), '[]')
from (select s.currency, coalesce(sum(s.amount), 0) as total, count(*) filter (where s.is_invoice) as count, count(s.amount) as known
from (select r.currency, r.total_minor as amount, true as is_invoice
from c
join receivable r on r.connection_id = c.connection_id and r.issued_on >= c.since and r.issued_on <= c.until and (r.status in ('draft', 'void')) is not true
union all select c.currency, null, false
from c) s
group by s.currency) r), 'outstanding', (select coalesce(json_agg(json_build_object('currency', r.currency, 'balance', r.balance::text, 'count', r.count, 'overdueCount', r.overdue)
order by r.currency), '[]')
from (select s.currency, coalesce(sum(s.balance), 0) as balance, count(*) filter (where s.is_invoice) as count, count(*) filter (where s.is_overdue) as overdue
from (select r.currency, r.balance_minor as balance, true as is_invoice, r.due_on < c.today as is_overdue
from c
join receivable r on r.connection_id = c.connection_id and r.payment_status in ('unpaid', 'partial')
union all select c.currency, null, false, false
from c) s
group by s.currency) r), 'topCompanies', json_build_object($25::text, (select coalesce(json_agg(json_build_object('company', (select json_build_object('name', t1.name)
from company t1
where t1.connection_id = s.connection_id and t1.id = s.company_id), 'total', json_build_object('minor', s.total::text, 'currency', s.currency))
order by s.currency, s.place), '[]')
from (select w.*, row_number() over (partition by w.currency
order by w.total desc, w.count desc, w.company_id) as place
from (select t.connection_id, t.company_id, t.currency, sum(t.amount_minor) as total, count(*) as count
from c
join transaction t on t.connection_id = c.connection_id and t.kind = 'won_deal' and t.occurred_on >= c.since and t.occurred_on <= c.until and t.company_id is not null
group by t.connection_id, t.company_id, t.currency having count(t.amount_minor) > 0) w) s
where s.place <= $24)))
