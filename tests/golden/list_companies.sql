-- { companies(first: 20, orderBy: [{ field: NAME }], filter: { name: { contains: "a_b" }, people: { some: { title: { isNull: false } } } }) { totalCount nodes { id people(first: 2) { nodes { name } } } pageInfo { endCursor } } }
select json_build_object('limit', 20, 'backward', false, 'resumed', false, 'order', 'company name+id+', 'rows', (select coalesce(json_agg(p.j), '[]')
from (select json_build_object('k', json_build_array(t1.name::text, t1.id::text), 'n', json_build_object('id', t1.id, 'people', json_build_object($3::text, json_build_object('limit', 2, 'backward', false, 'resumed', false, 'order', 'person source_created_at-id-', 'rows', (select coalesce(json_agg(p.j), '[]')
from (select json_build_object('k', null, 'n', json_build_object('name', t3.name)) as j
from (select t3.*
from person t3
where (t3.connection_id = t1.connection_id) is true and t3.company_id = t1.id
order by t3.source_created_at desc, t3.id desc
limit 3) t3) p))))) as j
from (select t1.*
from company t1
where t1.connection_id = $1 and (t1.name ilike $2 and exists (select
from person t2
where t2.connection_id = t1.connection_id and t2.company_id = t1.id and (t2.title is not null)))
order by t1.name asc, t1.id asc
limit 21) t1) p), 'totalCount', (select count(*)
from company t4
where t4.connection_id = $1 and (t4.name ilike $4 and exists (select
from person t5
where t5.connection_id = t4.connection_id and t5.company_id = t4.id and (t5.title is not null)))))
