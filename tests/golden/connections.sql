-- { connections { organizationName lag { seconds pendingEvents deadLetters } drift { missing } runs(first: 5) { nodes { kind } } } }
select t1.organization_name, to_json((select json_build_object('pendingEvents', count(*), 'seconds', coalesce(greatest(0, extract(epoch
from now() - min(w.received_at)))::bigint, 0), 'deadLetters', (select count(*)
from event d
where d.connection_id = t1.id and d.state = 'dead'))
from (select e.received_at
from event e
where e.connection_id = t1.id and e.state in ('pending', 'failed')
union all select d.received_at
from delivery d
where d.connection_id = t1.id) w)), to_json((select json_build_object('checkedAt', max(d.checked_at), 'compared', sum(d.compared)::bigint, 'missing', sum(d.missing)::bigint, 'extra', sum(d.extra)::bigint, 'stale', sum(d.stale)::bigint, 'repaired', sum(d.repaired)::bigint, 'types', json_agg(json_build_object( 'recordType', d.shown, 'compared', d.compared, 'missing', d.missing, 'extra', d.extra, 'stale', d.stale, 'repaired', d.repaired, 'examples', d.examples)
order by d.shown))
from (select case when e.record_type in ('custom_object', 'custom_activity') then 'receivable' else e.record_type end as shown, max(e.checked_at) as checked_at, sum(e.compared)::bigint as compared, sum(e.missing)::bigint as missing, sum(e.extra)::bigint as extra, sum(e.stale)::bigint as stale, sum(e.repaired)::bigint as repaired, jsonb_path_query_array(jsonb_agg(e.examples), '$[*][*]') as examples
from drift e
where e.connection_id = t1.id
group by 1) d having count(*) > 0)), array(select row(t2.kind)
from (select t2.*
from sync_run t2
where (t2.connection_id = t1.id) is true and t2.connection_id = t1.id
order by t2.started_at desc, t2.id desc
limit 6) t2
order by t2.started_at desc, t2.id desc)
from (select t1.id, t1.source, t1.organization_id, t1.organization_name, t1.auth_method, t1.status, t1.status_reason, t1.currency, t1.time_zone, t1.fiscal_year_start, t1.scopes, t1.webhook_status, t1.webhook_subscription_id, t1.webhook_url, t1.webhook_checked_at, t1.webhook_problem, t1.created_at
from connection t1
where t1.id = $1) t1
order by t1.created_at
