-- { events(first: 20, orderBy: [{ field: RECEIVED_AT, direction: DESC }], filter: { state: { in: [DEAD, FAILED] } }) { totalCount nodes { id } pageInfo { endCursor } } }
select (select count(*)
from event t2
where t2.connection_id = $1 and (t2.state in ('dead', 'failed'))), array(select row(t1.id, (extract(epoch
from t1.received_at) * 1000000)::bigint, t1.seq)
from (select t1.*
from event t1
where t1.connection_id = (select $1::uuid) and (t1.state in ('dead', 'failed'))
order by t1.received_at desc, t1.seq desc
limit 21) t1
order by t1.received_at desc, t1.seq desc)
from (select) r
