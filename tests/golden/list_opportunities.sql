-- { opportunities(first: 20, orderBy: [{ field: VALUE, direction: DESC }], filter: { status: { in: [ACTIVE, WON] }, expectedOn: { nextDays: 30 } }) { totalCount totals { amount } nodes { id receivables { totalCount } } pageInfo { endCursor } } }
select (select count(*)
from opportunity t2
where t2.connection_id = $1 and (t2.status in ('active', 'won') and (t2.expected_on >= $4 and t2.expected_on <= $5))), (select coalesce(json_agg(json_build_object('kind', s.kind, 'minor', s.minor, 'currency', s.currency)
order by s.kind desc, s.currency), '[]')
from (select null as kind, t3.currency, sum(t3.value_minor)::text as minor
from opportunity t3
where t3.connection_id = $1 and (t3.status in ('active', 'won') and (t3.expected_on >= $6 and t3.expected_on <= $7)) and t3.value_minor is not null
group by 1, t3.currency) s), array(select row(t1.id, (select count(*)
from receivable t4
where (t4.connection_id = t1.connection_id) is true and t4.id = any(array(select k.receivable_id
from link k
where k.connection_id = t1.connection_id and k.opportunity_id = t1.id and k.state = 'linked'))), t1.value_minor)
from (select t1.*
from opportunity t1
where t1.connection_id = $1 and (t1.status in ('active', 'won') and (t1.expected_on >= $2 and t1.expected_on <= $3))
order by t1.value_minor desc, t1.id desc
limit 21) t1
order by t1.value_minor desc, t1.id desc)
from (select) r
