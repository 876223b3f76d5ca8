-- { syncRuns(first: 20, orderBy: [{ field: STARTED_AT, direction: DESC }], filter: { status: { eq: FAILED } }) { totalCount nodes { id } pageInfo { endCursor } } }
select json_build_object('limit', 20, 'backward', false, 'resumed', false, 'order', 'sync_run started_at-id-', 'rows', (select coalesce(json_agg(p.j), '[]')
from (select json_build_object('k', json_build_array((extract(epoch
from t1.started_at) * 1000000)::bigint::text, t1.id::text), 'n', json_build_object('id', t1.id)) as j
from (select t1.*
from sync_run t1
where t1.connection_id = $1 and (t1.status = 'failed')
order by t1.started_at desc, t1.id desc
limit 21) t1) p), 'totalCount', (select count(*)
from sync_run t2
where t2.connection_id = $1 and (t2.status = 'failed')))
