-- { search(query: "+1 (555) 010-7788", types: [PERSON]) { nodes { score matched record { id } } } }
with found as materialized ((select 'person'::text as type, t1.connection_id, t1.id, 'name'::text as matched, (case when lower(t1.name) = lower($1::text) then 1.0 else 0.9 + 0.09 * similarity(t1.name, $1::text) end)::float8 as score
from person_words t1
where t1.connection_id = $6 and lower(t1.name) ~>=~ lower($1::text) and lower(t1.name) ~<=~ (lower($1::text) || U&'\+10FFFF')
order by lower(t1.name)
limit 100)
union all (select 'person'::text as type, t2.connection_id, t2.id, 'name'::text as matched, (0.8 * word_similarity($1::text, t2.name) + 0.09 * similarity(t2.name, $1::text))::float8 as score
from person_words t2
where t2.connection_id = $6 and t2.name %> (select case when set_config('pg_trgm.word_similarity_threshold', $2, true) is not null then $1::text end)
limit 5000)
union all (select 'person'::text as type, t3.connection_id, t3.id, 'phone'::text as matched, (case when regexp_replace(jsonb_path_query_array(t3.phones, '$[*].number')::text, '[^0-9,]', '', 'g') like $4 or regexp_replace(jsonb_path_query_array(t3.phones, '$[*].number')::text, '[^0-9,]', '', 'g') like $5 then 1.0 else 0.65 end)::float8 as score
from person_words t3
where t3.connection_id = $6 and regexp_replace(jsonb_path_query_array(t3.phones, '$[*].number')::text, '[^0-9,]', '', 'g') like $3
limit 5000)), best as (select distinct on (f.type, f.id) f.*
from found f
order by f.type, f.id, f.score desc, f.matched), ranked as (select b.*, array_position(array['person'], b.type) as place
from best b
where b.score >= 0.4 * (select max(m.score)
from best m)
order by b.score desc, place, b.id
limit 20) select json_build_object('nodes', (select coalesce(json_agg(json_build_object('score', round(p.score::numeric, 3), 'matched', p.matched, 'record', case p.type when 'person' then (select json_build_object('type', 'Person', 'record', json_build_object('id', t4.id))
from person t4
where t4.connection_id = p.connection_id and t4.id = p.id) end)
order by p.score desc, p.place, p.id), '[]')
from ranked p))
