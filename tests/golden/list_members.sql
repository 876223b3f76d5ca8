-- { members(first: 20, orderBy: [{ field: NAME }], filter: { email: { endsWith: ".example" } }) { totalCount nodes { id } pageInfo { endCursor } } }
select (select count(*)
from member t2
where t2.connection_id = $1 and (t2.email ilike $3)), array(select row(t1.id, t1.name)
from (select t1.*
from member t1
where t1.connection_id = $1 and (t1.email ilike $2)
order by t1.name asc, t1.id asc
limit 21) t1
order by t1.name asc, t1.id asc)
from (select) r
