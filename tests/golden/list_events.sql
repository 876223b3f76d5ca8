-- { events(first: 20, orderBy: [{ field: RECEIVED_AT, direction: DESC }], filter: { state: { in: [DEAD, FAILED] } }) { totalCount nodes { id } pageInfo { endCursor } } }
select json_build_object('limit', 20, 'backward', false, 'resumed', false, 'order', 'event received_at-seq-', 'rows', (select coalesce(json_agg(p.j), '[]')
from (select json_build_object('k', json_build_array((extract(epoch
from t1.received_at) * 1000000)::bigint::text, t1.seq::text), 'n', json_build_object('id', t1.id)) as j
from (select t1.*
from event t1
where t1.connection_id = $1 and (t1.state in ('dead', 'failed'))
order by t1.received_at desc, t1.seq desc
limit 21) t1) p), 'totalCount', (select count(*)
from event t2
where t2.connection_id = $1 and (t2.state in ('dead', 'failed'))))
