-- { pipeline { stageLabel count weightedValue { amount } medianDwellDays overdueCount } }
select (select coalesce(json_agg(json_build_object( 'pipelineId', r.pipeline_id, 'pipelineName', r.pipeline_name, 'stageId', r.stage_id, 'stageLabel', r.stage_label, 'currency', r.currency, 'count', r.count, 'known', r.known, 'value', r.value::text, 'weighted', r.weighted::text, 'medianDwellDays', r.median::text, 'overdueCount', r.overdue)
order by r.connection_id, board.position nulls last, r.pipeline_name, r.pipeline_id, stage.position nulls last, r.stage_label, r.stage_id, r.currency), '[]')
from (select d.connection_id, d.currency, max(d.pipeline_id) as pipeline_id, max(d.pipeline_name) as pipeline_name, max(d.status_id) as stage_id, max(d.status_label) as stage_label, count(*) as count, count(d.value_minor) as known, coalesce(sum(d.value_minor), 0) as value, coalesce(sum(d.value_minor * d.confidence::numeric), 0) as weighted, trim_scale((percentile_disc(0.5) within group (order by d.dwell) + percentile_disc(0.5) within group (order by d.dwell desc)) / 2.0) as median, count(*) filter (where d.expected_on < d.today) as overdue
from (select o.connection_id, o.currency, o.pipeline_id, o.pipeline_name, o.status_id, o.status_label, o.value_minor, o.confidence, o.expected_on, c.today, case when o.stage_entered_at is not null then greatest(0, c.today - (o.stage_entered_at at time zone c.zone)::date) end as dwell
from unnest($1, $2, $3) as c (connection_id, today, zone)
join opportunity o on o.connection_id = c.connection_id and o.status = 'active') d
group by d.connection_id, coalesce(d.pipeline_id, d.pipeline_name), coalesce(d.status_id, d.status_label), d.currency) r
left join label board on board.connection_id = r.connection_id and board.close_id = r.pipeline_id
left join label stage on stage.connection_id = r.connection_id and stage.close_id = r.stage_id)
