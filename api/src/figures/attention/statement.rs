//! The statement: everything that needs attention as (reason, severity, since, id), of which a page is cut; only for the
//! page its facts and records are read.

use crate::error::Result;
use crate::query::compile::{Compiler, asked};
use crate::query::cursor::{Keys, decode_of, unreadable};
use crate::query::page::nodes;
use crate::query::selection::Selection;
use crate::query::statement::Bind;
use crate::query::window::PageRequest;
use crate::schema::{CONNECTION, OPPORTUNITY, RECEIVABLE, TRANSACTION};

/// Names the order in a cursor.
const ORDER: &str = "attention severity+since+reason+id+";

/// The connections of the scope, each with its today, and what needs attention in them. Severity counts from 0, CRITICAL.
const ITEMS: &str = "
    here as materialized (
        select c.id, c.today, z.time_zone, z.currency, z.high_value_minor, z.status, z.webhook_problem, z.webhook_checked_at,
               z.created_at, z.updated_at, m.state as mapping, m.updated_at as mapped_at
          from unnest({connections}, {today}) as c (id, today)
          join connection z on z.id = c.id
          left join invoice_mapping m on m.connection_id = c.id),
    item as (
        select 'overdue_invoice'::text as reason,
               case when h.today - r.due_on > 90 then 0 when h.today - r.due_on > 30 then 1
                    when h.today - r.due_on > 7 then 2 else 3 end as severity,
               r.due_on as since, r.id, h.id as connection_id, null::text as detail, null::bigint as number
          from here h
          join receivable r on r.connection_id = h.id and r.payment_status in ('unpaid', 'partial') and r.due_on < h.today
        union all
        select 'won_deal_without_value', 2,
               coalesce(t.occurred_on, (t.source_updated_at at time zone h.time_zone)::date), t.id, h.id, null, null
          from here h
          join transaction t on t.connection_id = h.id and t.kind = 'won_deal' and t.amount_minor is null
        union all
        select 'won_deal_never_invoiced',
               case when h.today - t.occurred_on > 365 then 3 when h.today - t.occurred_on > 90 then 1 else 2 end
                   - ((t.amount_minor >= h.high_value_minor and t.currency = h.currency) is true)::int,
               t.occurred_on, t.id, h.id, null, null
          from here h
          join transaction t on t.connection_id = h.id and t.kind = 'won_deal' and t.occurred_on < h.today - 30
               and t.amount_minor is distinct from 0
         where h.mapping = 'active'
           and not exists (select from link k join receivable r on r.id = k.receivable_id and r.connection_id = k.connection_id
                            where (k.connection_id = h.id) is true
                              and k.opportunity_id = t.opportunity_id and k.state = 'linked')
        union all
        select 'stalled_deal',
               case when h.today - o.expected_on > 30 then 2 else 3 end
                   - ((o.value_minor >= h.high_value_minor and o.currency = h.currency) is true)::int,
               o.expected_on, o.id, h.id, null, null
          from here h
          join opportunity o on o.connection_id = h.id and o.status = 'active' and o.expected_on < h.today
        union all
        select 'connection_stopped',
               case when h.status = 'needs_reconnect' then 0 when h.status = 'paused' then 1 when h.status <> 'active' then 2
                    when x.read_at < now() - interval '1 day' then 0
                    when x.read_at < now() - interval '1 hour' or x.waits_since < now() - interval '1 hour' then 1
                    else 2 end,
               (case when h.status <> 'active' then h.updated_at
                     when x.read_at < now() - interval '1 hour' then x.read_at
                     when x.waits_since < now() - interval '1 hour' then x.waits_since
                     else coalesce(h.webhook_checked_at, h.updated_at) end at time zone h.time_zone)::date,
               h.id, h.id,
               case when h.status <> 'active' then h.status
                    when x.read_at < now() - interval '1 hour' then 'unread'
                    when x.waits_since < now() - interval '1 hour' then 'behind'
                    else 'webhook' end,
               (extract(epoch from now() - case when x.read_at < now() - interval '1 hour' then x.read_at
                                                else x.waits_since end) / 3600)::bigint
          from here h
         cross join lateral (
               select coalesce((select max(s.updated_at) from sync_checkpoint s
                                 where s.connection_id = h.id and s.stream in ('event_log', 'mcp')), h.created_at) as read_at,
                      least((select min(e.received_at) from event e
                              where e.connection_id = h.id and e.state = 'pending' and e.next_attempt_at < 'infinity'),
                            (select min(d.received_at) from delivery d where d.connection_id = h.id)) as waits_since) x
         where h.status <> 'active' or h.webhook_problem is not null
            or x.read_at < now() - interval '1 hour' or x.waits_since < now() - interval '1 hour'
        union all
        select 'dead_letters', 1, (min(e.received_at) at time zone h.time_zone)::date, h.id, h.id, null, count(*)
          from here h
          join event e on e.connection_id = h.id and e.state = 'dead'
         group by h.id, h.time_zone
        union all
        select 'invoice_mapping_waiting', 2, (h.mapped_at at time zone h.time_zone)::date, h.id, h.id, null, null
          from here h where h.mapping = 'waiting'
        union all
        select 'invoice_flagged',
               case when r.flags ?| array['amount_unreadable', 'currency_unknown', 'status_unknown'] then 2 else 3 end,
               (r.source_updated_at at time zone h.time_zone)::date, r.id, h.id, null, null
          from here h
          join receivable r on r.connection_id = h.id and r.flags <> '[]' and (r.status in ('draft', 'void')) is not true)";

/// What a message tells of a picked item `p`.
const FACTS: &str = "
    case when p.reason in ('overdue_invoice', 'invoice_flagged') then (
             select json_build_object('name', r.number, 'days', p.today - r.due_on, 'day', r.due_on, 'flags', r.flags, 'word', r.status_label,
                        'company', (select l.name from company l where l.connection_id = r.connection_id and l.id = r.company_id),
                        'amount', case when r.balance_minor is not null
                                       then json_build_object('minor', r.balance_minor, 'currency', r.currency) end,
                        'total', case when r.total_minor is not null
                                      then json_build_object('minor', r.total_minor, 'currency', r.currency) end)
               from receivable r where r.connection_id = p.connection_id and r.id = p.id)
         when p.reason in ('won_deal_without_value', 'won_deal_never_invoiced') then (
             select json_build_object('days', p.today - t.occurred_on, 'day', t.occurred_on,
                        'company', (select l.name from company l where l.connection_id = t.connection_id and l.id = t.company_id),
                        'amount', case when t.amount_minor is not null
                                       then json_build_object('minor', t.amount_minor, 'currency', t.currency) end)
               from transaction t where t.connection_id = p.connection_id and t.id = p.id)
         when p.reason = 'stalled_deal' then (
             select json_build_object('days', p.today - o.expected_on, 'day', o.expected_on, 'count', o.confidence,
                        'company', (select l.name from company l where l.connection_id = o.connection_id and l.id = o.company_id),
                        'amount', case when o.value_minor is not null
                                       then json_build_object('minor', o.value_minor, 'currency', o.currency) end)
               from opportunity o where o.connection_id = p.connection_id and o.id = p.id)
         else (
             select json_build_object('name', z.organization_name, 'count', p.number, 'detail', p.detail,
                        'word', case p.detail when 'webhook' then z.webhook_problem else z.status_reason end,
                        'proposal', (select json_build_object('type', m.proposals->0->>'type_name', 'score', m.proposals->0->'score',
                                                              'others', jsonb_array_length(m.proposals) - 1)
                                       from invoice_mapping m where m.connection_id = z.id and m.state = 'waiting'))
               from connection z where z.id = p.connection_id)
    end";

/// What stands after WITH, and the JSON of the page.
pub(super) fn compile(
    compiler: &mut Compiler<'_>,
    request: &PageRequest,
    selection: &Selection<'_>,
) -> Result<(String, String)> {
    let now = compiler.now;
    let calendars = compiler.scope.calendars().iter();
    let today = calendars.map(|calendar| calendar.today(now)).collect();
    let connections = Bind::Uuids(compiler.scope.connections());
    let items = compiler.fill(
        ITEMS,
        [
            ("{connections}", connections),
            ("{today}", Bind::Dates(today)),
        ],
    )?;
    let asked = selection.children("AttentionConnection");
    let is_asked = |name: &str| asked.iter().any(|child| child.name == name);
    let mut parts = Vec::new();
    if is_asked("nodes") || is_asked("edges") || is_asked("pageInfo") {
        let limit = request.limit(compiler.max_page)?;
        let nodes = nodes(&asked, "AttentionEdge");
        let rows = rows(compiler, request.after(), nodes.as_ref(), limit)?;
        parts.push(format!(
            "'limit', {limit}, 'resumed', {}, 'order', '{ORDER}', 'rows', {rows}",
            request.after().is_some()
        ));
    }
    if is_asked("totalCount") {
        parts.push("'totalCount', (select count(*) from item)".to_owned());
    }
    Ok((items, format!("json_build_object({})", parts.join(", "))))
}

fn rows(
    compiler: &mut Compiler<'_>,
    after: Option<&str>,
    nodes: Option<&Selection<'_>>,
    limit: i64,
) -> Result<String> {
    let behind = match after {
        Some(after) => behind(compiler, &decode_of(after, ORDER, 4)?)?,
        None => "true".to_owned(),
    };
    let size = u64::try_from(limit).unwrap_or(0).max(1);
    compiler.spend(size)?;
    compiler.multiplier = size;
    let node = match nodes {
        Some(selection) => node(compiler, selection)?,
        None => "json_build_object()".to_owned(),
    };
    Ok(format!(
        "(select coalesce(json_agg(r.j), '[]') from (
            select json_build_object(
                       'k', json_build_array(p.severity::text, p.since::text, p.reason, p.id::text), 'n', {node}) as j
              from (select i.*, h.today from item i join here h on h.id = i.connection_id
                     where {behind} order by i.severity, i.since, i.reason, i.id limit {}) p
             order by p.severity, p.since, p.reason, p.id) r)",
        limit + 1
    ))
}

/// The condition of items behind a cursor.
fn behind(compiler: &mut Compiler<'_>, keys: &Keys) -> Result<String> {
    let [Some(severity), Some(since), Some(reason), Some(id)] = keys.as_slice() else {
        return Err(unreadable());
    };
    let severity = severity.parse().map_err(|_| unreadable())?;
    let since = since.parse().map_err(|_| unreadable())?;
    let id = id.parse().map_err(|_| unreadable())?;
    let reason = reason.replace('\0', "");
    Ok(format!(
        "(i.severity, i.since, i.reason, i.id) > ({}, {}, {}, {})",
        compiler.bind(Bind::Int(severity))?,
        compiler.bind(Bind::Date(since))?,
        compiler.bind(Bind::Text(reason))?,
        compiler.bind(Bind::Uuid(id))?,
    ))
}

/// The JSON of a picked item `p`.
fn node(compiler: &mut Compiler<'_>, selection: &Selection<'_>) -> Result<String> {
    let children = selection.children("AttentionItem");
    let mut pairs = vec!["'reason', p.reason, 'severity', p.severity, 'since', p.since".to_owned()];
    if asked(&children, "message").is_some() || asked(&children, "amount").is_some() {
        pairs.push(format!("'facts', {FACTS}"));
    }
    if let Some(selection) = asked(&children, "records") {
        let mut cases = String::new();
        for (reasons, table) in [
            ("'overdue_invoice', 'invoice_flagged'", &RECEIVABLE),
            (
                "'won_deal_without_value', 'won_deal_never_invoiced'",
                &TRANSACTION,
            ),
            ("'stalled_deal'", &OPPORTUNITY),
            (
                "'connection_stopped', 'dead_letters', 'invoice_mapping_waiting'",
                &CONNECTION,
            ),
        ] {
            let record = compiler.typed(table, "p.connection_id", "p.id", &selection)?;
            cases.push_str(&format!(" when p.reason in ({reasons}) then ({record})"));
        }
        pairs.push(format!("'records', json_build_array(case{cases} end)"));
    }
    Ok(format!("json_build_object({})", pairs.join(", ")))
}
