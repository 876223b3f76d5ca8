-- { revenue(period: THIS_YEAR, groupBy: [COMPANY, PIPELINE]) { groups { label } total { amount } } }
select (with c as (select *
from unnest($1, $2, $3, $4, $5, $6, $7) as c (connection_id, since, until, previous_since, previous_until, ahead, currency)), facts as (select t.connection_id, t.currency, t.amount_minor as amount, 1 as deals, (t.amount_minor is not null)::int as known, t.occurred_on >= c.since as current, c.since, c.until, c.ahead, coalesce(t.company_id::text, '') as k1, coalesce(t.pipeline_id, t.pipeline_name, '') as k2, null::text as l1, t.pipeline_name as l2, null::date as bucket, t.occurred_on as day
from c
join transaction t on t.connection_id = c.connection_id and t.kind = 'won_deal' and t.occurred_on >= c.previous_since and t.occurred_on <= c.until and (t.occurred_on >= c.since or t.occurred_on <= c.previous_until)), kept as (select p.*
from ( select f.currency, f.k1, f.k2, row_number() over (partition by f.currency
order by coalesce(sum(f.amount), 0) desc, count(*) desc, f.k1, f.k2) as place
from facts f
where f.current
group by f.currency, f.k1, f.k2) p
where p.place <= $8), shown as (select p.place, f.currency, amount, deals, known, current, since, until, ahead, k1, k2, l1, l2, bucket, day
from facts f
join kept p using (currency, k1, k2)) select coalesce(json_agg(json_build_object( 'currency', r.currency, 'since', r.since, 'until', r.until, 'total', r.total::text, 'count', r.count, 'known', r.known, 'previous', json_build_object('total', r.previous_total::text, 'count', r.previous_count), 'keys', json_build_array(json_build_object('key', nullif(r.k1, ''), 'label', (select x.name
from company x
where x.id = nullif(r.k1, '')::uuid and x.connection_id = any($1))), json_build_object('key', nullif(r.k2, ''), 'label', r.l2)), 'converted', null, 'time', case when r.bucket is not null then json_build_object('start', r.bucket, 'from', r.first, 'to', r.last) end)
order by r.currency, r.place, r.bucket), '[]')
from (select s.currency, s.k1, s.k2, s.bucket, max(s.l1) as l1, max(s.l2) as l2, min(s.place) as place, min(s.since) as since, max(s.until) as until, min(greatest((s.bucket - make_interval(months => s.ahead::int))::date, s.since)) as first, max(least((s.bucket + interval '1 day' - make_interval(months => s.ahead::int))::date - 1, s.until)) as last, coalesce(sum(s.amount) filter (where s.current), 0) as total, coalesce(sum(s.deals) filter (where s.current), 0) as count, coalesce(sum(s.known) filter (where s.current), 0) as known, coalesce(sum(s.amount) filter (where not s.current), 0) as previous_total, coalesce(sum(s.deals) filter (where not s.current), 0) as previous_count
from shown s
group by s.currency, s.k1, s.k2, s.bucket) r)
