-- { companies(first: 20, orderBy: [{ field: NAME }], filter: { name: { contains: "a_b" }, people: { some: { title: { isNull: false } } } }) { totalCount nodes { id people(first: 2) { nodes { name } } } pageInfo { endCursor } } }
select (select count(*)
from company t3
where t3.connection_id = $1 and (t3.id in (select found.id
from company_words found
where found.name ilike $3) and exists (select
from person t4
where t4.connection_id = t3.connection_id and t4.company_id = t3.id and (t4.title is not null)))), array(select row(t1.id, array(select row(t5.name)
from (select t5.*
from person t5
where (t5.connection_id = t1.connection_id) is true and t5.company_id = t1.id
order by t5.source_created_at desc, t5.id desc
limit 3) t5
order by t5.source_created_at desc, t5.id desc), t1.name)
from (select t1.*
from company t1
where t1.connection_id = $1 and (t1.id in (select found.id
from company_words found
where found.name ilike $2) and exists (select
from person t2
where t2.connection_id = t1.connection_id and t2.company_id = t1.id and (t2.title is not null)))
order by t1.name asc, t1.id asc
limit 21) t1
order by t1.name asc, t1.id asc)
from (select) r
