-- { opportunities(first: 20, orderBy: [{ field: VALUE, direction: DESC }], filter: { status: { in: [ACTIVE, WON] }, expectedOn: { nextDays: 30 } }) { totalCount totals { amount } nodes { id receivables { totalCount } } pageInfo { endCursor } } }
select json_build_object('limit', 20, 'backward', false, 'resumed', false, 'order', 'opportunity value_minor-id-', 'rows', (select coalesce(json_agg(p.j), '[]')
from (select json_build_object('k', json_build_array(t1.value_minor::text, t1.id::text), 'n', json_build_object('id', t1.id, 'receivables', json_build_object('', json_build_object('totalCount', (select count(*)
from receivable t2
where (t2.connection_id = t1.connection_id) is true and t2.id = any(array(select k.receivable_id
from link k
where k.connection_id = t1.connection_id and k.opportunity_id = t1.id and k.state = 'linked'))))))) as j
from (select t1.*
from opportunity t1
where t1.connection_id = $1 and (t1.status in ('active', 'won') and (t1.expected_on >= $2 and t1.expected_on <= $3))
order by t1.value_minor desc, t1.id desc
limit 21) t1) p), 'totalCount', (select count(*)
from opportunity t3
where t3.connection_id = $1 and (t3.status in ('active', 'won') and (t3.expected_on >= $4 and t3.expected_on <= $5))), 'totals', (select coalesce(json_agg(json_build_object('kind', s.kind, 'minor', s.minor, 'currency', s.currency)
order by s.kind desc, s.currency), '[]')
from (select null as kind, t4.currency, sum(t4.value_minor)::text as minor
from opportunity t4
where t4.connection_id = $1 and (t4.status in ('active', 'won') and (t4.expected_on >= $6 and t4.expected_on <= $7)) and t4.value_minor is not null
group by 1, t4.currency) s))
