-- { receivablesAging { bucket count balanceDue { amount } } }
select (with owed as ( select r.currency, count(*) as count, coalesce(sum(r.balance_minor), 0) as balance, case when r.due_on is null or r.due_on >= c.as_of then 'current' when c.as_of - r.due_on <= 30 then 'days_1_30' when c.as_of - r.due_on <= 60 then 'days_31_60' when c.as_of - r.due_on <= 90 then 'days_61_90' else 'over_90' end as bucket
from unnest($1, $2) as c (connection_id, as_of)
join receivable r on r.connection_id = c.connection_id and r.payment_status in ('unpaid', 'partial')
group by r.currency, bucket) select coalesce(json_agg(json_build_object('currency', u.currency, 'bucket', b.bucket, 'count', coalesce(o.count, 0), 'balance', coalesce(o.balance, 0)::text)
order by u.currency, b.place), '[]')
from (select distinct currency
from owed) u
cross join unnest(array['current', 'days_1_30', 'days_31_60', 'days_61_90', 'over_90']) with ordinality b (bucket, place)
left join owed o on o.currency = u.currency and o.bucket = b.bucket)
