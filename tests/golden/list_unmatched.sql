-- { unmatched(first: 20) { totalCount nodes { kind record { id } candidates { score record { id } } } pageInfo { endCursor } } }
select json_build_object('limit', 20, 'resumed', false, 'order', 'unmatched kind+source_created_at-id-', 'rows', (select coalesce(json_agg(r.j), '[]')
from ( select json_build_object( 'k', json_build_array(p.kind, (extract(epoch
from p.created) * 1000000)::bigint::text, p.id::text), 'n', json_build_object('kind', p.kind, 'record', case when p.kind in ('deal_without_invoice', 'payment_without_deal', 'orphan_transaction') then (select json_build_object('type', 'Transaction', 'record', json_build_object('id', t8.id))
from transaction t8
where t8.connection_id = p.connection_id and t8.id = p.id) when p.kind in ('invoice_without_deal', 'orphan_receivable') then (select json_build_object('type', 'Receivable', 'record', json_build_object('id', t9.id))
from receivable t9
where t9.connection_id = p.connection_id and t9.id = p.id) when p.kind in ('orphan_person') then (select json_build_object('type', 'Person', 'record', json_build_object('id', t10.id))
from person t10
where t10.connection_id = p.connection_id and t10.id = p.id) when p.kind in ('duplicate_company') then (select json_build_object('type', 'Company', 'record', json_build_object('id', t11.id))
from company t11
where t11.connection_id = p.connection_id and t11.id = p.id) end, 'candidates', coalesce(case when p.kind in ('deal_without_invoice') then (select json_agg(json_build_object('score', round(k.score / 100.0, 2), 'reasons', k.reasons, 'record', (select json_build_object('type', 'Receivable', 'record', json_build_object('id', t12.id))
from receivable t12
where t12.connection_id = p.connection_id and t12.id = k.id))
order by k.score desc, k.id)
from (select k.receivable_id as id, k.score, k.reasons
from link k
where (k.connection_id = p.connection_id) is true and k.opportunity_id = p.subject and k.state = 'candidate'
order by 2 desc, 1
limit 10) k) when p.kind in ('invoice_without_deal', 'payment_without_deal') then (select json_agg(json_build_object('score', round(k.score / 100.0, 2), 'reasons', k.reasons, 'record', (select json_build_object('type', 'Transaction', 'record', json_build_object('id', t13.id))
from transaction t13
where t13.connection_id = p.connection_id and t13.id = k.id))
order by k.score desc, k.id)
from (select w.id, k.score, k.reasons
from link k
join transaction w on w.connection_id = k.connection_id and w.opportunity_id = k.opportunity_id and w.kind = 'won_deal'
where (k.connection_id = p.connection_id) is true and k.receivable_id = p.subject and k.state = 'candidate'
order by 2 desc, 1
limit 10) k) when p.kind in ('duplicate_company') then (select json_agg(json_build_object('score', round(k.score / 100.0, 2), 'reasons', k.reasons, 'record', (select json_build_object('type', 'Company', 'record', json_build_object('id', t14.id))
from company t14
where t14.connection_id = p.connection_id and t14.id = k.id))
order by k.score desc, k.id)
from (select x.id, case when lower(x.name) = lower(s.name) then 95 else 80 end as score, to_jsonb(array_remove(array['the same domain, ' || s.domain, case when lower(x.name) = lower(s.name) then 'the same name' end], null)) as reasons
from company s
join company x on x.connection_id = s.connection_id and x.domain = s.domain and x.id <> s.id
where s.connection_id = p.connection_id and s.id = p.subject
order by 2 desc, 1
limit 10) k) end, json_build_array()))) as j
from (select u.*
from ((select 0 as place, 'deal_without_invoice'::text as kind, c.id as connection_id, x.id, x.subject, x.created
from unnest($1::uuid[]) c (id)
cross join lateral (select t1.id, t1.opportunity_id as subject, t1.source_created_at as created
from transaction t1
where t1.connection_id = c.id and t1.kind = 'won_deal' and exists (select
from invoice_mapping m
where m.connection_id = c.id and m.state = 'active') and not exists (select
from link k
join receivable r on r.id = k.receivable_id and r.connection_id = k.connection_id
where (k.connection_id = t1.connection_id) is true and k.opportunity_id = t1.opportunity_id and k.state = 'linked')
order by t1.source_created_at desc, t1.id desc
limit 21) x
order by x.created desc, x.id desc
limit 21)
union all (select 1 as place, 'invoice_without_deal'::text as kind, c.id as connection_id, x.id, x.subject, x.created
from unnest($1::uuid[]) c (id)
cross join lateral (select t2.id, t2.id as subject, t2.source_created_at as created
from receivable t2
where t2.connection_id = c.id and (t2.status in ('draft', 'void')) is not true and not exists (select
from link k
join transaction w on w.connection_id = k.connection_id and w.opportunity_id = k.opportunity_id and w.kind = 'won_deal'
where (k.connection_id = t2.connection_id) is true and k.receivable_id = t2.id and k.state = 'linked')
order by t2.source_created_at desc, t2.id desc
limit 21) x
order by x.created desc, x.id desc
limit 21)
union all (select 2 as place, 'payment_without_deal'::text as kind, c.id as connection_id, x.id, x.subject, x.created
from unnest($1::uuid[]) c (id)
cross join lateral (select t3.id, t3.receivable_id as subject, t3.source_created_at as created
from transaction t3
where t3.connection_id = c.id and t3.kind = 'invoice_payment' and not exists (select
from link k
join transaction w on w.connection_id = k.connection_id and w.opportunity_id = k.opportunity_id and w.kind = 'won_deal'
where (k.connection_id = t3.connection_id) is true and k.receivable_id = t3.receivable_id and k.state = 'linked')
order by t3.source_created_at desc, t3.id desc
limit 21) x
order by x.created desc, x.id desc
limit 21)
union all (select 3 as place, 'orphan_person'::text as kind, c.id as connection_id, x.id, x.subject, x.created
from unnest($1::uuid[]) c (id)
cross join lateral (select t4.id, t4.id as subject, t4.source_created_at as created
from person t4
where t4.connection_id = c.id and (t4.company_id is null or not exists (select
from company l
where l.id = t4.company_id and l.connection_id = t4.connection_id))
order by t4.source_created_at desc, t4.id desc
limit 21) x
order by x.created desc, x.id desc
limit 21)
union all (select 4 as place, 'orphan_transaction'::text as kind, c.id as connection_id, x.id, x.subject, x.created
from unnest($1::uuid[]) c (id)
cross join lateral (select t5.id, t5.id as subject, t5.source_created_at as created
from transaction t5
where t5.connection_id = c.id and (t5.company_id is null or not exists (select
from company l
where l.id = t5.company_id and l.connection_id = t5.connection_id))
order by t5.source_created_at desc, t5.id desc
limit 21) x
order by x.created desc, x.id desc
limit 21)
union all (select 5 as place, 'orphan_receivable'::text as kind, c.id as connection_id, x.id, x.subject, x.created
from unnest($1::uuid[]) c (id)
cross join lateral (select t6.id, t6.id as subject, t6.source_created_at as created
from receivable t6
where t6.connection_id = c.id and (t6.company_id is null or not exists (select
from company l
where l.id = t6.company_id and l.connection_id = t6.connection_id))
order by t6.source_created_at desc, t6.id desc
limit 21) x
order by x.created desc, x.id desc
limit 21)
union all (select 6 as place, 'duplicate_company'::text as kind, c.id as connection_id, x.id, x.subject, x.created
from unnest($1::uuid[]) c (id)
cross join lateral (select t7.id, t7.id as subject, t7.source_created_at as created
from company t7
where t7.connection_id = c.id and t7.domain is not null and exists (select
from company d
where d.connection_id = c.id and d.domain = t7.domain and d.id <> t7.id)
order by t7.source_created_at desc, t7.id desc
limit 21) x
order by x.created desc, x.id desc
limit 21)) u
order by u.place, u.created desc, u.id desc
limit 21) p
order by p.place, p.created desc, p.id desc) r), 'totalCount', 0 + (select count(*)
from transaction t15
where t15.connection_id = $2 and t15.kind = 'won_deal' and exists (select
from invoice_mapping m
where m.connection_id = t15.connection_id and m.state = 'active') and not exists (select
from link k
join receivable r on r.id = k.receivable_id and r.connection_id = k.connection_id
where (k.connection_id = t15.connection_id) is true and k.opportunity_id = t15.opportunity_id and k.state = 'linked')) + (select count(*)
from receivable t16
where t16.connection_id = $2 and (t16.status in ('draft', 'void')) is not true and not exists (select
from link k
join transaction w on w.connection_id = k.connection_id and w.opportunity_id = k.opportunity_id and w.kind = 'won_deal'
where (k.connection_id = t16.connection_id) is true and k.receivable_id = t16.id and k.state = 'linked')) + (select count(*)
from transaction t17
where t17.connection_id = $2 and t17.kind = 'invoice_payment' and not exists (select
from link k
join transaction w on w.connection_id = k.connection_id and w.opportunity_id = k.opportunity_id and w.kind = 'won_deal'
where (k.connection_id = t17.connection_id) is true and k.receivable_id = t17.receivable_id and k.state = 'linked')) + (select count(*)
from person t18
where t18.connection_id = $2 and (t18.company_id is null or not exists (select
from company l
where l.id = t18.company_id and l.connection_id = t18.connection_id))) + (select count(*)
from transaction t19
where t19.connection_id = $2 and (t19.company_id is null or not exists (select
from company l
where l.id = t19.company_id and l.connection_id = t19.connection_id))) + (select count(*)
from receivable t20
where t20.connection_id = $2 and (t20.company_id is null or not exists (select
from company l
where l.id = t20.company_id and l.connection_id = t20.connection_id))) + (select count(*)
from company t21
where t21.connection_id = $2 and t21.domain is not null and exists (select
from company d
where d.connection_id = t21.connection_id and d.domain = t21.domain and d.id <> t21.id)))
