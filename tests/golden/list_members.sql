-- { members(first: 20, orderBy: [{ field: NAME }], filter: { email: { endsWith: ".example" } }) { totalCount nodes { id } pageInfo { endCursor } } }
select json_build_object('limit', 20, 'backward', false, 'resumed', false, 'order', 'member name+id+', 'rows', (select coalesce(json_agg(p.j), '[]')
from (select json_build_object('k', json_build_array(t1.name::text, t1.id::text), 'n', json_build_object('id', t1.id)) as j
from (select t1.*
from member t1
where t1.connection_id = $1 and (t1.email ilike $2)
order by t1.name asc, t1.id asc
limit 21) t1) p), 'totalCount', (select count(*)
from member t2
where t2.connection_id = $1 and (t2.email ilike $3)))
