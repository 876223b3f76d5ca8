-- { companies(filter: { customFields: { name: "Industry", text: { eq: "Software" } } }) { totalCount nodes { id } } }
select json_build_object('limit', 50, 'backward', false, 'resumed', false, 'order', 'company source_created_at-id-', 'rows', (select coalesce(json_agg(p.j), '[]')
from (select json_build_object('k', json_build_array((extract(epoch
from t1.source_created_at) * 1000000)::bigint::text, t1.id::text), 'n', json_build_object('id', t1.id)) as j
from (select t1.*
from unnest($3::uuid[]) c (id)
cross join lateral (select t1.*
from company t1
where t1.connection_id = c.id and (((t1.custom @> $1::text::jsonb or t1.custom @> $2::text::jsonb)))
order by t1.source_created_at desc, t1.id desc
limit 51) t1
order by t1.source_created_at desc, t1.id desc
limit 51) t1) p), 'totalCount', (select count(*)
from company t2
where t2.connection_id = any($3) and (((t2.custom @> $4::text::jsonb or t2.custom @> $5::text::jsonb)))))
