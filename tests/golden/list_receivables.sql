-- { receivables(first: 20, orderBy: [{ field: DUE_ON }], filter: { paymentStatus: { in: [UNPAID, PARTIAL] } }) { totalCount totals { amount } nodes { id lineItems { description } payments { occurredOn } flags } pageInfo { endCursor } } }
select (select count(*)
from receivable t2
where t2.connection_id = $1 and (t2.payment_status in ('unpaid', 'partial'))), (select coalesce(json_agg(json_build_object('kind', s.kind, 'minor', s.minor, 'currency', s.currency)
order by s.kind desc, s.currency), '[]')
from (select null as kind, t3.currency, sum(case when t3.payment_status in ('unpaid', 'partial') then t3.balance_minor end)::text as minor
from receivable t3
where t3.connection_id = $1 and (t3.payment_status in ('unpaid', 'partial')) and case when t3.payment_status in ('unpaid', 'partial') then t3.balance_minor end is not null
group by 1, t3.currency) s), array(select row(t1.id, to_json((select coalesce(json_agg(json_build_object('description', l.description, 'quantity', trim_scale(l.quantity)::text, 'taxRate', trim_scale(l.tax_rate)::text, 'unitPrice', (select json_build_object('minor', trunc(m.minor)::text, 'currency', t1.currency)
from (select (l.unit_price) * power(10::numeric, t1.currency_places) as minor) m
where m.minor % 1 = 0 and abs(m.minor) < 1e27), 'total', (select json_build_object('minor', trunc(m.minor)::text, 'currency', t1.currency)
from (select (coalesce(l.total, l.quantity * l.unit_price)) * power(10::numeric, t1.currency_places) as minor) m
where m.minor % 1 = 0 and abs(m.minor) < 1e27))
order by l.position, l.source_created_at, l.close_id, l.id), '[]')
from receivable_line l
where l.connection_id = t1.connection_id and l.receivable_id = t1.id)), array(select row(t4.occurred_on)
from (select t4.*
from transaction t4
where (t4.connection_id = t1.connection_id) is true and t4.receivable_id = t1.id and t4.kind = 'invoice_payment') t4
order by t4.occurred_on, t4.source_updated_at, t4.id), to_json((t1.flags || (select case when bool_and(s.total is not null) and sum(s.total) <> t1.total_minor and sum(s.total) <> t1.total_minor - coalesce(t1.tax_minor, 0) then '["lines_differ"]'::jsonb else '[]' end
from (select coalesce(l.total, l.quantity * l.unit_price) * power(10::numeric, t1.currency_places) as total
from receivable_line l
where l.connection_id = t1.connection_id and l.receivable_id = t1.id) s))), t1.due_on)
from (select t1.*
from receivable t1
where t1.connection_id = (select $1::uuid) and (t1.payment_status in ('unpaid', 'partial'))
order by t1.due_on asc, t1.id asc
limit 21) t1
order by t1.due_on asc, t1.id asc)
from (select) r
