-- { people(first: 20, orderBy: [{ field: PRIMARY_EMAIL, direction: DESC }], filter: { email: { eq: "a@b.example" }, company: { domain: { eq: "b.example" } } }) { totalCount nodes { id company { name } } pageInfo { endCursor } } }
select (select count(*)
from person t3
where t3.connection_id = $1 and ((t3.id in (select found.id
from person_words found
where lower(jsonb_path_query_array(found.emails, '$[*].email')::text) like lower($6)) and exists (select
from (select a -> 'email'
from jsonb_array_elements(t3.emails) a) e (v)
cross join lateral (select e.v #>> '{}') u (w)
where u.w = $5)) and exists (select
from company t4
where t4.connection_id = t3.connection_id and t4.id = t3.company_id and (t4.domain = $7)))), array(select row(t1.id, t6.c0, t6.c1, t1.primary_email)
from (select t1.*
from person t1
where t1.connection_id = $1 and ((t1.id in (select found.id
from person_words found
where lower(jsonb_path_query_array(found.emails, '$[*].email')::text) like lower($3)) and exists (select
from (select a -> 'email'
from jsonb_array_elements(t1.emails) a) e (v)
cross join lateral (select e.v #>> '{}') u (w)
where u.w = $2)) and exists (select
from company t2
where t2.connection_id = t1.connection_id and t2.id = t1.company_id and (t2.domain = $4)))
order by t1.primary_email desc, t1.id desc
limit 21) t1
left join lateral (select true as c0, t5.name as c1
from company t5
where t5.connection_id = t1.connection_id and t5.id = t1.company_id) t6 on true
order by t1.primary_email desc, t1.id desc)
from (select) r
