-- { revenue(period: THIS_YEAR, groupBy: [CATEGORY], convertTo: "EUR") { group { label } converted { total { amount } rates { rate } } } }
select (with c as (select *
from unnest($2, $3, $4, $5, $6, $7, $8) as c (connection_id, since, until, previous_since, previous_until, ahead, currency)), facts as (select t.connection_id, t.currency, t.amount_minor as amount, 1 as deals, (t.amount_minor is not null)::int as known, t.occurred_on >= c.since as current, c.since, c.until, c.ahead, coalesce(t.category, '') as k1, '' as k2, t.category as l1, null::text as l2, null::date as bucket, t.occurred_on as day
from c
join transaction t on t.connection_id = c.connection_id and t.kind = 'won_deal' and t.occurred_on >= c.previous_since and t.occurred_on <= c.until and (t.occurred_on >= c.since or t.occurred_on <= c.previous_until)), kept as (select p.*
from ( select f.currency, f.k1, f.k2, row_number() over (partition by f.currency
order by coalesce(sum(f.amount), 0) desc, count(*) desc, f.k1, f.k2) as place
from facts f
where f.current
group by f.currency, f.k1, f.k2) p
where p.place <= $9), shown as (select p.place, f.currency, amount, deals, known, current, since, until, ahead, k1, k2, l1, l2, bucket, day
from facts f
join kept p using (currency, k1, k2)), rates as ( select d.currency, d.day, x.rate, x.known_on
from (select distinct s.currency, s.day
from shown s
where s.current and s.amount is not null) d
cross join lateral ( select r.rate, r.known_on
from ( (select e.rate, e.day as known_on, 1 as place
from exchange_rate e
where e.base = d.currency and e.quote = $1::text and e.day <= d.day
order by e.day desc
limit 1)
union all (select round(1.00000000000000000000 / e.rate, 12), e.day, 2
from exchange_rate e
where e.base = $1::text and e.quote = d.currency and e.day <= d.day
order by e.day desc
limit 1)
union all select 1, d.day, 0
where d.currency = $1::text) r
order by r.known_on desc, r.place
limit 1) x) select coalesce(json_agg(json_build_object( 'currency', r.currency, 'since', r.since, 'until', r.until, 'total', r.total::text, 'count', r.count, 'known', r.known, 'previous', json_build_object('total', r.previous_total::text, 'count', r.previous_count), 'keys', json_build_array(json_build_object('key', nullif(r.k1, ''), 'label', r.l1)), 'converted', json_build_object('to', $1::text, 'sum', r.converted::text, 'missing', r.missing::text, 'missingCount', r.missing_count, 'rates', coalesce(r.rates, '[]')), 'time', case when r.bucket is not null then json_build_object('start', r.bucket, 'from', r.first, 'to', r.last) end)
order by r.currency, r.place, r.bucket), '[]')
from (select s.currency, s.k1, s.k2, s.bucket, max(s.l1) as l1, max(s.l2) as l2, min(s.place) as place, min(s.since) as since, max(s.until) as until, min(greatest((s.bucket - make_interval(months => s.ahead::int))::date, s.since)) as first, max(least((s.bucket + interval '1 day' - make_interval(months => s.ahead::int))::date - 1, s.until)) as last, coalesce(sum(s.amount) filter (where s.current), 0) as total, coalesce(sum(s.deals) filter (where s.current), 0) as count, coalesce(sum(s.known) filter (where s.current), 0) as known, coalesce(sum(s.amount) filter (where not s.current), 0) as previous_total, coalesce(sum(s.deals) filter (where not s.current), 0) as previous_count, trim_scale(coalesce(sum(s.amount * x.rate) filter (where s.current), 0)) as converted, coalesce(sum(s.amount) filter (where s.current and x.rate is null), 0) as missing, coalesce(sum(s.known) filter (where s.current and x.rate is null), 0) as missing_count, jsonb_agg(distinct jsonb_build_object('rate', trim_scale(x.rate)::text, 'on', x.known_on)) filter (where s.current and s.amount is not null and x.rate is not null) as rates
from shown s
left join rates x on x.currency = s.currency and x.day = s.day
group by s.currency, s.k1, s.k2, s.bucket) r)
