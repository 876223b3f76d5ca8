-- { revenue(period: THIS_MONTH, basis: COLLECTED, groupBy: [DAY]) { group { from } total { amount } } }
select (with c as (select *
from unnest($1, $2, $3, $4, $5, $6, $7) as c (connection_id, since, until, previous_since, previous_until, ahead, currency)), facts as (select t.connection_id, t.currency, t.amount, t.deals, t.known, t.current, c.since, c.until, c.ahead, '' as k1, '' as k2, null::text as l1, null::text as l2, t.bucket, t.day
from c
cross join lateral ( select t.connection_id, t.currency, t.occurred_on >= c.since as current, date_trunc('day', (t.occurred_on + make_interval(months => c.ahead::int))::timestamp)::date as bucket, null::date as day, sum(t.deals) as deals, sum(t.known) as known, case when sum(t.known) > 0 then sum(t.total_minor) end as amount
from revenue_day t
where t.connection_id = c.connection_id and t.kind = 'invoice_payment' and t.occurred_on >= c.since and t.occurred_on <= c.until
group by 1, 2, 3, 4, 5 having sum(t.deals) <> 0) t), shown as (select 0 as place, currency, amount, deals, known, current, since, until, ahead, k1, k2, l1, l2, bucket, day
from facts
union all select 0, u.currency, null::bigint, 0, 0, null::boolean, c.since, c.until, c.ahead, '', '', null, null, g.bucket::date, null::date
from (select connection_id, currency
from c
union select connection_id, currency
from facts) u
join c on c.connection_id = u.connection_id
cross join lateral generate_series(date_trunc('day', (c.since + make_interval(months => c.ahead::int))::timestamp)::date::timestamp, date_trunc('day', (c.until + make_interval(months => c.ahead::int))::timestamp)::date::timestamp, interval '1 day') g (bucket)) select coalesce(json_agg(json_build_object( 'currency', r.currency, 'since', r.since, 'until', r.until, 'total', r.total::text, 'count', r.count, 'known', r.known, 'previous', null, 'keys', json_build_array(), 'converted', null, 'time', case when r.bucket is not null then json_build_object('start', r.bucket, 'from', r.first, 'to', r.last) end)
order by r.currency, r.bucket, r.place), '[]')
from (select s.currency, s.k1, s.k2, s.bucket, max(s.l1) as l1, max(s.l2) as l2, min(s.place) as place, min(s.since) as since, max(s.until) as until, min(greatest((s.bucket - make_interval(months => s.ahead::int))::date, s.since)) as first, max(least((s.bucket + interval '1 day' - make_interval(months => s.ahead::int))::date - 1, s.until)) as last, coalesce(sum(s.amount) filter (where s.current), 0) as total, coalesce(sum(s.deals) filter (where s.current), 0) as count, coalesce(sum(s.known) filter (where s.current), 0) as known, coalesce(sum(s.amount) filter (where not s.current), 0) as previous_total, coalesce(sum(s.deals) filter (where not s.current), 0) as previous_count
from shown s
group by s.currency, s.k1, s.k2, s.bucket) r)
