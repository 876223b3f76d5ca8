-- { syncRuns(first: 20, orderBy: [{ field: STARTED_AT, direction: DESC }], filter: { status: { eq: FAILED } }) { totalCount nodes { id } pageInfo { endCursor } } }
select (select count(*)
from sync_run t2
where t2.connection_id = $1 and (t2.status = 'failed')), array(select row(t1.id, (extract(epoch
from t1.started_at) * 1000000)::bigint)
from (select t1.*
from sync_run t1
where t1.connection_id = (select $1::uuid) and (t1.status = 'failed')
order by t1.started_at desc, t1.id desc
limit 21) t1
order by t1.started_at desc, t1.id desc)
from (select) r
