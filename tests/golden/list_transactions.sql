-- { transactions(first: 20, orderBy: [{ field: OCCURRED_ON, direction: DESC }], filter: { kind: { eq: WON_DEAL }, occurredOn: { period: THIS_QUARTER } }) { totalCount totals { amount } nodes { id company { name } } pageInfo { endCursor } } }
select (select count(*)
from transaction t2
where t2.connection_id = $1 and (t2.kind = 'won_deal' and (t2.occurred_on >= $4 and t2.occurred_on <= $5))), (select coalesce(json_agg(json_build_object('kind', s.kind, 'minor', s.minor, 'currency', s.currency)
order by s.kind desc, s.currency), '[]')
from (select t3.kind as kind, t3.currency, sum(t3.amount_minor)::text as minor
from transaction t3
where t3.connection_id = $1 and (t3.kind = 'won_deal' and (t3.occurred_on >= $6 and t3.occurred_on <= $7)) and t3.amount_minor is not null
group by 1, t3.currency) s), array(select row(t1.id, t5.c0, t5.c1, t1.occurred_on)
from (select t1.*
from transaction t1
where t1.connection_id = (select $1::uuid) and (t1.kind = 'won_deal' and (t1.occurred_on >= (select $2::date) and t1.occurred_on <= (select $3::date)))
order by t1.occurred_on desc, t1.id desc
limit 21) t1
left join lateral (select true as c0, t4.name as c1
from company t4
where t4.connection_id = t1.connection_id and t4.id = t1.company_id) t5 on true
order by t1.occurred_on desc, t1.id desc)
from (select) r
