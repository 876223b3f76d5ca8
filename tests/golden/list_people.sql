-- { people(first: 20, orderBy: [{ field: PRIMARY_EMAIL, direction: DESC }], filter: { email: { eq: "a@b.example" }, company: { domain: { eq: "b.example" } } }) { totalCount nodes { id company { name } } pageInfo { endCursor } } }
select json_build_object('limit', 20, 'backward', false, 'resumed', false, 'order', 'person primary_email-id-', 'rows', (select coalesce(json_agg(p.j), '[]')
from (select json_build_object('k', json_build_array(t1.primary_email::text, t1.id::text), 'n', json_build_object('company', (select json_build_object('name', t3.name)
from company t3
where t3.connection_id = t1.connection_id and t3.id = t1.company_id
limit 1), 'id', t1.id)) as j
from (select t1.*
from person t1
where t1.connection_id = $1 and ((lower(jsonb_path_query_array(t1.emails, '$[*].email')::text) like lower($3) and exists (select
from (select a -> 'email'
from jsonb_array_elements(t1.emails) a) e (v)
cross join lateral (select e.v #>> '{}') u (w)
where u.w = $2)) and exists (select
from company t2
where t2.connection_id = t1.connection_id and t2.id = t1.company_id and (t2.domain = $4)))
order by t1.primary_email desc, t1.id desc
limit 21) t1) p), 'totalCount', (select count(*)
from person t4
where t4.connection_id = $1 and ((lower(jsonb_path_query_array(t4.emails, '$[*].email')::text) like lower($6) and exists (select
from (select a -> 'email'
from jsonb_array_elements(t4.emails) a) e (v)
cross join lateral (select e.v #>> '{}') u (w)
where u.w = $5)) and exists (select
from company t5
where t5.connection_id = t4.connection_id and t5.id = t4.company_id and (t5.domain = $7)))))
