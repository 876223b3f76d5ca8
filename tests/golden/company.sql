-- { company(closeId: "lead_1") { name customFields { value } lifetimeValue { amount } outstandingBalance { amount } averageDaysToPay auditTrail { nodes { at } } } }
select t1.name, to_json((select coalesce(json_agg(json_build_object('id', v.key, 'name', coalesce(f.name, v.key), 'type', f.type, 'value', v.value)
order by f.position, v.key), '[]')
from jsonb_each(t1.custom) v
left join custom_field f on f.connection_id = t1.connection_id and f.record_type = 'company' and f.close_id = v.key)), to_json((select coalesce(json_agg(json_build_object('minor', s.minor, 'currency', s.currency)
order by s.currency), '[]')
from (select w.currency, sum(w.amount_minor)::text as minor
from transaction w
where w.connection_id = t1.connection_id and w.company_id = t1.id and w.kind = 'won_deal' and w.amount_minor is not null
group by w.currency) s)), to_json((select coalesce(json_agg(json_build_object('minor', s.minor, 'currency', s.currency)
order by s.currency), '[]')
from (select r.currency, sum(r.balance_minor)::text as minor
from receivable r
where (r.connection_id = t1.connection_id) is true and r.company_id = t1.id and r.payment_status in ('unpaid', 'partial') and r.balance_minor is not null
group by r.currency) s)), (select trim_scale(round(avg(r.paid_on - r.issued_on), 2))::text
from receivable r
where (r.connection_id = t1.connection_id) is true and r.company_id = t1.id and r.payment_status in ('paid', 'overpaid')), array(select row(t2.at)
from (select t2.*
from audit_entry t2
where (t2.connection_id = t1.connection_id) is true and t2.record_id = t1.id
order by t2.seq desc
limit 51) t2
order by t2.seq desc), t1.id
from (select t1.*
from company t1
where t1.connection_id = $2 and t1.id = any((select $1::uuid[])::uuid[])) t1
