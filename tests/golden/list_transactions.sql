-- { transactions(first: 20, orderBy: [{ field: OCCURRED_ON, direction: DESC }], filter: { kind: { eq: WON_DEAL }, occurredOn: { period: THIS_QUARTER } }) { totalCount totals { amount } nodes { id company { name } } pageInfo { endCursor } } }
select json_build_object('limit', 20, 'backward', false, 'resumed', false, 'order', 'transaction occurred_on-id-', 'rows', (select coalesce(json_agg(p.j), '[]')
from (select json_build_object('k', json_build_array(t1.occurred_on::text, t1.id::text), 'n', json_build_object('company', (select json_build_object('name', t2.name)
from company t2
where t2.connection_id = t1.connection_id and t2.id = t1.company_id
limit 1), 'id', t1.id)) as j
from (select t1.*
from transaction t1
where t1.connection_id = $1 and (t1.kind = 'won_deal' and (t1.occurred_on >= $2 and t1.occurred_on <= $3))
order by t1.occurred_on desc, t1.id desc
limit 21) t1) p), 'totalCount', (select count(*)
from transaction t3
where t3.connection_id = $1 and (t3.kind = 'won_deal' and (t3.occurred_on >= $4 and t3.occurred_on <= $5))), 'totals', (select coalesce(json_agg(json_build_object('kind', s.kind, 'minor', s.minor, 'currency', s.currency)
order by s.kind desc, s.currency), '[]')
from (select t4.kind as kind, t4.currency, sum(t4.amount_minor)::text as minor
from transaction t4
where t4.connection_id = $1 and (t4.kind = 'won_deal' and (t4.occurred_on >= $6 and t4.occurred_on <= $7)) and t4.amount_minor is not null
group by 1, t4.currency) s))
