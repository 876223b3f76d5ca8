-- { companies(filter: { customFields: { name: "Industry", text: { eq: "Software" } } }) { totalCount nodes { id } } }
select json_build_object('limit', 50, 'backward', false, 'resumed', false, 'order', 'company source_created_at-id-', 'rows', (select coalesce(json_agg(p.j), '[]')
from (select json_build_object('k', null, 'n', json_build_object('id', t1.id)) as j
from (select t1.*
from company t1
where t1.connection_id = $1 and (((t1.custom @> $2::text::jsonb or t1.custom @> $3::text::jsonb)))
order by t1.source_created_at desc, t1.id desc
limit 51) t1) p), 'totalCount', (select count(*)
from company t2
where t2.connection_id = $1 and (((t2.custom @> $4::text::jsonb or t2.custom @> $5::text::jsonb)))))
