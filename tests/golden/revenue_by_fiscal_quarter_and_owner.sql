-- { revenue(period: THIS_YEAR, groupBy: [FISCAL_QUARTER, OWNER], first: 10) { groups { label } total { amount } } }
select (with c as (select *
from unnest($1, $2, $3, $4, $5, $6, $7) as c (connection_id, since, until, previous_since, previous_until, ahead, currency)), facts as (select t.connection_id, t.currency, t.amount_minor as amount, 1 as deals, (t.amount_minor is not null)::int as known, t.occurred_on >= c.since as current, c.since, c.until, c.ahead, coalesce(t.owner_id::text, '') as k1, '' as k2, null::text as l1, null::text as l2, date_trunc('quarter', (t.occurred_on + make_interval(months => c.ahead::int))::timestamp)::date as bucket, t.occurred_on as day
from c
join transaction t on t.connection_id = c.connection_id and t.kind = 'won_deal' and t.occurred_on >= c.since and t.occurred_on <= c.until), kept as (select p.*
from ( select f.currency, f.k1, f.k2, row_number() over (partition by f.currency
order by coalesce(sum(f.amount), 0) desc, count(*) desc, f.k1, f.k2) as place
from facts f
where f.current
group by f.currency, f.k1, f.k2) p
where p.place <= $8), shown as (select p.place, f.currency, amount, deals, known, current, since, until, ahead, k1, k2, l1, l2, bucket, day
from facts f
join kept p using (currency, k1, k2)
union all select u.place, u.currency, null::bigint, 0, 0, null::boolean, c.since, c.until, c.ahead, u.k1, u.k2, u.l1, u.l2, g.bucket::date, null::date
from (select f.connection_id, f.currency, f.k1, f.k2, max(f.l1) as l1, max(f.l2) as l2, min(p.place) as place
from facts f
join kept p using (currency, k1, k2)
group by f.connection_id, f.currency, f.k1, f.k2) u
join c on c.connection_id = u.connection_id
cross join lateral generate_series(date_trunc('quarter', (c.since + make_interval(months => c.ahead::int))::timestamp)::date::timestamp, date_trunc('quarter', (c.until + make_interval(months => c.ahead::int))::timestamp)::date::timestamp, interval '3 months') g (bucket)) select coalesce(json_agg(json_build_object( 'currency', r.currency, 'since', r.since, 'until', r.until, 'total', r.total::text, 'count', r.count, 'known', r.known, 'previous', null, 'keys', json_build_array(json_build_object('key', nullif(r.k1, ''), 'label', (select x.name
from member x
where x.id = nullif(r.k1, '')::uuid and x.connection_id = any($1)))), 'converted', null, 'time', case when r.bucket is not null then json_build_object('start', r.bucket, 'from', r.first, 'to', r.last) end)
order by r.currency, r.bucket, r.place), '[]')
from (select s.currency, s.k1, s.k2, s.bucket, max(s.l1) as l1, max(s.l2) as l2, min(s.place) as place, min(s.since) as since, max(s.until) as until, min(greatest((s.bucket - make_interval(months => s.ahead::int))::date, s.since)) as first, max(least((s.bucket + interval '3 months' - make_interval(months => s.ahead::int))::date - 1, s.until)) as last, coalesce(sum(s.amount) filter (where s.current), 0) as total, coalesce(sum(s.deals) filter (where s.current), 0) as count, coalesce(sum(s.known) filter (where s.current), 0) as known, coalesce(sum(s.amount) filter (where not s.current), 0) as previous_total, coalesce(sum(s.deals) filter (where not s.current), 0) as previous_count
from shown s
group by s.currency, s.k1, s.k2, s.bucket) r)
