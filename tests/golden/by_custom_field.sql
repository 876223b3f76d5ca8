-- { companies(filter: { customFields: { name: "Industry", text: { eq: "Software" } } }) { totalCount nodes { id } } }
select (select count(*)
from company t2
where t2.connection_id = $1 and ((t2.id in (select found.id
from company_words found
where (found.custom @> $4::text::jsonb or found.custom @> $5::text::jsonb))))), array(select row(t1.id)
from (select t1.*
from company t1
where t1.connection_id = $1 and ((t1.id in (select found.id
from company_words found
where (found.custom @> $2::text::jsonb or found.custom @> $3::text::jsonb))))
order by t1.source_created_at desc, t1.id desc
limit 51) t1
order by t1.source_created_at desc, t1.id desc)
from (select) r
