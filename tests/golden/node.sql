-- { node(id: "00010000-0000-4000-8000-000000000001") { id } }
select coalesce((select json_build_object('type', 'Company', 'record', json_build_object('id', t1.id))
from company t1
where t1.connection_id = $2 and t1.id = $1), (select json_build_object('type', 'Person', 'record', json_build_object('id', t2.id))
from person t2
where t2.connection_id = $2 and t2.id = $1), (select json_build_object('type', 'Opportunity', 'record', json_build_object('id', t3.id))
from opportunity t3
where t3.connection_id = $2 and t3.id = $1), (select json_build_object('type', 'Transaction', 'record', json_build_object('id', t4.id))
from transaction t4
where t4.connection_id = $2 and t4.id = $1), (select json_build_object('type', 'Receivable', 'record', json_build_object('id', t5.id))
from receivable t5
where t5.connection_id = $2 and t5.id = $1), (select json_build_object('type', 'Member', 'record', json_build_object('id', t6.id))
from member t6
where t6.connection_id = $2 and t6.id = $1), (select json_build_object('type', 'Connection', 'record', json_build_object('id', t7.id))
from connection t7
where t7.id = $2 and t7.id = $1), (select json_build_object('type', 'Event', 'record', json_build_object('id', t8.id))
from event t8
where t8.connection_id = $2 and t8.id = $1), (select json_build_object('type', 'SyncRun', 'record', json_build_object('id', t9.id))
from sync_run t9
where t9.connection_id = $2 and t9.id = $1))
