-- { receivables(first: 20, orderBy: [{ field: DUE_ON }], filter: { paymentStatus: { in: [UNPAID, PARTIAL] } }) { totalCount totals { amount } nodes { id lineItems { description } payments { occurredOn } flags } pageInfo { endCursor } } }
select json_build_object('limit', 20, 'backward', false, 'resumed', false, 'order', 'receivable due_on+id+', 'rows', (select coalesce(json_agg(p.j), '[]')
from (select json_build_object('k', json_build_array((t1.due_on)::text, (t1.id)::text), 'n', json_build_object('payments', (select coalesce(json_agg(json_build_object('occurredOn', t2.occurred_on)
order by t2.occurred_on, t2.source_updated_at, t2.id), '[]')
from transaction t2
where (t2.connection_id = t1.connection_id) is true and t2.receivable_id = t1.id and t2.kind = 'invoice_payment'), 'id', t1.id, 'flags', (t1.flags || (select case when bool_and(s.total is not null) and sum(s.total) <> t1.total_minor and sum(s.total) <> t1.total_minor - coalesce(t1.tax_minor, 0) then '["lines_differ"]'::jsonb else '[]' end
from (select coalesce(l.total, l.quantity * l.unit_price) * power(10::numeric, t1.currency_places) as total
from receivable_line l
where l.connection_id = t1.connection_id and l.receivable_id = t1.id) s)), 'lineItems', (select coalesce(json_agg(json_build_object('description', l.description, 'quantity', trim_scale(l.quantity)::text, 'taxRate', trim_scale(l.tax_rate)::text, 'unitPrice', (select json_build_object('minor', trunc(m.minor)::text, 'currency', t1.currency)
from (select (l.unit_price) * power(10::numeric, t1.currency_places) as minor) m
where m.minor % 1 = 0 and abs(m.minor) < 1e27), 'total', (select json_build_object('minor', trunc(m.minor)::text, 'currency', t1.currency)
from (select (coalesce(l.total, l.quantity * l.unit_price)) * power(10::numeric, t1.currency_places) as minor) m
where m.minor % 1 = 0 and abs(m.minor) < 1e27))
order by l.position, l.source_created_at, l.close_id, l.id), '[]')
from receivable_line l
where l.connection_id = t1.connection_id and l.receivable_id = t1.id))) as j
from (select t1.*
from receivable t1
where t1.connection_id = $1 and (t1.payment_status in ('unpaid', 'partial'))
order by t1.due_on asc, t1.id asc
limit 21) t1) p), 'totalCount', (select count(*)
from receivable t3
where t3.connection_id = $1 and (t3.payment_status in ('unpaid', 'partial'))), 'totals', (select coalesce(json_agg(json_build_object('kind', s.kind, 'minor', s.minor, 'currency', s.currency)
order by s.kind desc, s.currency), '[]')
from (select null as kind, t4.currency, sum(case when t4.payment_status in ('unpaid', 'partial') then t4.balance_minor end)::text as minor
from receivable t4
where t4.connection_id = $1 and (t4.payment_status in ('unpaid', 'partial')) and case when t4.payment_status in ('unpaid', 'partial') then t4.balance_minor end is not null
group by 1, t4.currency) s))
