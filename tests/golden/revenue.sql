-- { revenue(period: THIS_QUARTER) { total { amount } previous { change } } }
select (with c as (select *
from unnest($1, $2, $3, $4, $5, $6, $7) as c (connection_id, since, until, previous_since, previous_until, ahead, currency)), facts as (select t.connection_id, t.currency, t.amount, t.deals, t.known, t.current, c.since, c.until, c.ahead, '' as k1, '' as k2, null::text as l1, null::text as l2, t.bucket, t.day
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
group by s.currency, s.k1, s.k2, s.bucket) r)
