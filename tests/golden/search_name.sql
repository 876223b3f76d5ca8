-- { search(query: "northwind") { nodes { score matched record { id } } } }
with found as materialized ((select 'company'::text as type, t1.connection_id, t1.id, 'name'::text as matched, (case when lower(t1.name) = lower($1::text) then 1.0 else 0.9 + 0.09 * similarity(t1.name, $1::text) end)::float8 as score
from company_words t1
where t1.connection_id = $17 and lower(t1.name) ~>=~ lower($1::text) and lower(t1.name) ~<=~ (lower($1::text) || U&'\+10FFFF')
order by lower(t1.name)
limit 100)
union all (select 'company'::text as type, t2.connection_id, t2.id, 'name'::text as matched, (0.8 * word_similarity($1::text, t2.name) + 0.09 * similarity(t2.name, $1::text))::float8 as score
from company_words t2
where t2.connection_id = $17 and t2.name %> (select case when set_config('pg_trgm.word_similarity_threshold', $2, true) is not null then $1::text end)
limit 5000)
union all (select 'company'::text as type, t3.connection_id, t3.id, 'domain'::text as matched, (case when t3.domain ilike $3 then 1.0 when t3.domain ilike $4 then 0.85 else 0.65 end)::float8 as score
from company_words t3
where t3.connection_id = $17 and t3.domain ilike $5
limit 5000)
union all (select 'person'::text as type, t4.connection_id, t4.id, 'name'::text as matched, (case when lower(t4.name) = lower($6::text) then 1.0 else 0.9 + 0.09 * similarity(t4.name, $6::text) end)::float8 as score
from person_words t4
where t4.connection_id = $17 and lower(t4.name) ~>=~ lower($6::text) and lower(t4.name) ~<=~ (lower($6::text) || U&'\+10FFFF')
order by lower(t4.name)
limit 100)
union all (select 'person'::text as type, t5.connection_id, t5.id, 'name'::text as matched, (0.8 * word_similarity($6::text, t5.name) + 0.09 * similarity(t5.name, $6::text))::float8 as score
from person_words t5
where t5.connection_id = $17 and t5.name %> (select case when set_config('pg_trgm.word_similarity_threshold', $7, true) is not null then $6::text end)
limit 5000)
union all (select 'person'::text as type, t6.connection_id, t6.id, 'email'::text as matched, (case when lower(jsonb_path_query_array(t6.emails, '$[*].email')::text) like $8 then 1.0 else 0.85 end)::float8 as score
from person_words t6
where t6.connection_id = $17 and lower(jsonb_path_query_array(t6.emails, '$[*].email')::text) like $9
limit 5000)
union all (select 'receivable'::text as type, t7.connection_id, t7.id, 'number'::text as matched, (case when t7.number ilike $10 then 1.0 when t7.number ilike $11 then 0.85 else 0.65 end)::float8 as score
from receivable_words t7
where t7.connection_id = $17 and t7.number ilike $12
limit 5000)
union all (select 'member'::text as type, t8.connection_id, t8.id, 'name'::text as matched, (case when lower(t8.name) = lower($13::text) then 1.0 else 0.9 + 0.09 * similarity(t8.name, $13::text) end)::float8 as score
from member t8
where t8.connection_id = $17 and lower(t8.name) ~>=~ lower($13::text) and lower(t8.name) ~<=~ (lower($13::text) || U&'\+10FFFF')
order by lower(t8.name)
limit 100)
union all (select 'member'::text as type, t9.connection_id, t9.id, 'name'::text as matched, (0.8 * word_similarity($13::text, t9.name) + 0.09 * similarity(t9.name, $13::text))::float8 as score
from member t9
where t9.connection_id = $17 and t9.name %> (select case when set_config('pg_trgm.word_similarity_threshold', $14, true) is not null then $13::text end)
limit 5000)
union all (select 'member'::text as type, t10.connection_id, t10.id, 'email'::text as matched, (case when t10.email ilike $15 then 1.0 when t10.email ilike $16 then 0.85 else 0.65 end)::float8 as score
from member t10
where t10.connection_id = $17 and t10.email ilike $16
limit 5000)), best as (select distinct on (f.type, f.id) f.*
from found f
order by f.type, f.id, f.score desc, f.matched), ranked as (select b.*, array_position(array['company', 'person', 'receivable', 'opportunity', 'transaction', 'member'], b.type) as place
from best b
where b.score >= 0.4 * (select max(m.score)
from best m)
order by b.score desc, place, b.id
limit 20) select json_build_object('nodes', (select coalesce(json_agg(json_build_object('score', round(p.score::numeric, 3), 'matched', p.matched, 'record', case p.type when 'company' then (select json_build_object('type', 'Company', 'record', json_build_object('id', t11.id))
from company t11
where t11.connection_id = p.connection_id and t11.id = p.id) when 'person' then (select json_build_object('type', 'Person', 'record', json_build_object('id', t12.id))
from person t12
where t12.connection_id = p.connection_id and t12.id = p.id) when 'receivable' then (select json_build_object('type', 'Receivable', 'record', json_build_object('id', t13.id))
from receivable t13
where t13.connection_id = p.connection_id and t13.id = p.id) when 'opportunity' then (select json_build_object('type', 'Opportunity', 'record', json_build_object('id', t14.id))
from opportunity t14
where t14.connection_id = p.connection_id and t14.id = p.id) when 'transaction' then (select json_build_object('type', 'Transaction', 'record', json_build_object('id', t15.id))
from transaction t15
where t15.connection_id = p.connection_id and t15.id = p.id) when 'member' then (select json_build_object('type', 'Member', 'record', json_build_object('id', t16.id))
from member t16
where t16.connection_id = p.connection_id and t16.id = p.id) end)
order by p.score desc, p.place, p.id), '[]')
from ranked p))
