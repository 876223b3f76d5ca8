-- { search(query: "lead_1", types: [COMPANY, TRANSACTION]) { nodes { score matched record { id } } } }
with found as materialized ((select 'company'::text as type, t1.connection_id, t1.id, 'name'::text as matched, (case when lower(t1.name) = lower($1::text) then 1.0 else 0.9 + 0.09 * similarity(t1.name, $1::text) end)::float8 as score
from company_words t1
where t1.connection_id = $6 and lower(t1.name) ~>=~ lower($1::text) and lower(t1.name) ~<=~ (lower($1::text) || U&'\+10FFFF')
order by lower(t1.name)
limit 100)
union all (select 'company'::text as type, t2.connection_id, t2.id, 'name'::text as matched, (0.8 * word_similarity($1::text, t2.name) + 0.09 * similarity(t2.name, $1::text))::float8 as score
from company_words t2
where t2.connection_id = $6 and t2.name %> (select case when set_config('pg_trgm.word_similarity_threshold', $2, true) is not null then $1::text end)
limit 5000)
union all (select 'company'::text as type, t3.connection_id, t3.id, 'close_id'::text as matched, (1.0)::float8 as score
from company t3
where t3.connection_id = $6 and t3.id = any($3)
limit 5000)
union all (select 'company'::text as type, t4.connection_id, t4.id, 'old_close_id'::text as matched, (1.0)::float8 as score
from company t4
where t4.connection_id = $6 and t4.id = any(array(with recursive merged (id) as ( select d.merged_into_id
from tombstone d
where d.record_id = any($3) and d.merged_into_id is not null
union select d.merged_into_id
from tombstone d
join merged m on d.record_id = m.id
where d.merged_into_id is not null) select id
from merged))
limit 5000)
union all (select 'transaction'::text as type, t5.connection_id, t5.id, 'close_id'::text as matched, (1.0)::float8 as score
from transaction t5
where t5.connection_id = $6 and t5.id = any($4)
limit 5000)
union all (select 'transaction'::text as type, t6.connection_id, t6.id, 'close_id'::text as matched, (1.0)::float8 as score
from transaction t6
where t6.connection_id = $6 and t6.receivable_id = any($5)
limit 5000)
union all (select 'transaction'::text as type, t7.connection_id, t7.id, 'old_close_id'::text as matched, (1.0)::float8 as score
from transaction t7
where t7.connection_id = $6 and t7.id = any(array(with recursive merged (id) as ( select d.merged_into_id
from tombstone d
where d.record_id = any($4) and d.merged_into_id is not null
union select d.merged_into_id
from tombstone d
join merged m on d.record_id = m.id
where d.merged_into_id is not null) select id
from merged))
limit 5000)), best as (select distinct on (f.type, f.id) f.*
from found f
order by f.type, f.id, f.score desc, f.matched), ranked as (select b.*, array_position(array['company', 'transaction'], b.type) as place
from best b
where b.score >= 0.4 * (select max(m.score)
from best m)
order by b.score desc, place, b.id
limit 20) select json_build_object('nodes', (select coalesce(json_agg(json_build_object('score', round(p.score::numeric, 3), 'matched', p.matched, 'record', case p.type when 'company' then (select json_build_object('type', 'Company', 'record', json_build_object('id', t8.id))
from company t8
where t8.connection_id = p.connection_id and t8.id = p.id) when 'transaction' then (select json_build_object('type', 'Transaction', 'record', json_build_object('id', t9.id))
from transaction t9
where t9.connection_id = p.connection_id and t9.id = p.id) end)
order by p.score desc, p.place, p.id), '[]')
from ranked p))
