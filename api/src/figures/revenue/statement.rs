//! The SQL of revenue: facts, the groups that are shown, and zeros for times without any.

use super::Question;
use super::convert;
use super::group::RevenueGroupBy;
use crate::error::{ApiError, Result};
use crate::figures::span::bounds;
use crate::query::compile::Compiler;
use crate::query::custom::FieldName;
use crate::query::period::Bounds;
use crate::query::statement::Bind;
use crate::schema::TRANSACTION;

/// Groups that are not of time, at most.
pub(super) const MAX_GROUPS: i64 = 500;
/// Groups of time in a period, at most.
const MAX_TIMES: i64 = 1_000;

/// The calendar of each connection. `ahead` months put a day at its place in a fiscal year that starts in January and is
/// named after the calendar year in which it ends.
const CALENDARS: &str = "unnest({connections}, {since}, {until}, {previous_since}, {previous_until}, {ahead}, {currencies})
    as c (connection_id, since, until, previous_since, previous_until, ahead, currency)";

/// The pieces of a question that differ by its groups.
struct Shape {
    time: Option<RevenueGroupBy>,
    others: Vec<RevenueGroupBy>,
    time_first: bool,
    /// SQL of the custom value of a transaction `t`.
    custom: String,
    /// The bind of the currency that rows are converted to.
    converted: Option<String>,
}

impl Shape {
    fn of(compiler: &mut Compiler<'_>, question: &Question) -> Result<Self> {
        let groups = &question.groups;
        let (times, others): (Vec<RevenueGroupBy>, Vec<RevenueGroupBy>) =
            groups.iter().partition(|group| group.unit().is_some());
        let distinct = groups
            .iter()
            .enumerate()
            .all(|(place, group)| groups.iter().take(place).all(|before| before != group));
        if groups.len() > 2 || times.len() > 1 || !distinct {
            let allowed =
                "groupBy takes one or two different groups, of which at most one is of time";
            return Err(ApiError::BadInput(allowed.to_owned()));
        }
        if question.first.is_some() && others.is_empty() {
            let allowed = "first goes with a groupBy that is not of time";
            return Err(ApiError::BadInput(allowed.to_owned()));
        }
        Ok(Self {
            time: times.first().copied(),
            time_first: groups.first().is_some_and(|group| group.unit().is_some()),
            others,
            custom: custom(compiler, question)?,
            converted: question
                .convert_to
                .clone()
                .map(|to| compiler.bind(Bind::Text(to)))
                .transpose()?,
        })
    }

    /// SQL of the start of a day's time.
    fn bucket(&self, day: &str) -> String {
        self.time.and_then(RevenueGroupBy::unit).map_or_else(
            || "null::date".to_owned(),
            |(unit, _)| {
                format!("date_trunc('{unit}', ({day} + make_interval(months => c.ahead::int))::timestamp)::date")
            },
        )
    }

    /// Keys and labels of the groups that are not of time, two of each.
    fn columns(&self) -> [(String, String); 2] {
        let none = || ("''".to_owned(), "null::text".to_owned());
        let at = |place: usize| {
            let group = self.others.get(place);
            group.map_or_else(none, |group| group.columns(&self.custom))
        };
        [at(0), at(1)]
    }

    fn facts(&self, kind: &str) -> String {
        let [(k1, l1), (k2, l2)] = self.columns();
        // Within a group of time nothing is compared with the period before.
        let days = if self.time.is_some() {
            "t.occurred_on >= c.since and t.occurred_on <= c.until"
        } else {
            "t.occurred_on >= c.previous_since and t.occurred_on <= c.until
                and (t.occurred_on >= c.since or t.occurred_on <= c.previous_until)"
        };
        let (current, bucket) = ("t.occurred_on >= c.since", self.bucket("t.occurred_on"));
        if self.others.is_empty() {
            // What the transactions add up to by day is kept. Rates are of days; whatever else is shown is of times.
            let day = match self.converted {
                Some(_) => "t.occurred_on",
                None => "null::date",
            };
            return format!(
                "select t.connection_id, t.currency, t.amount, t.deals, t.known, t.current, c.since, c.until, c.ahead,
                        {k1} as k1, {k2} as k2, {l1} as l1, {l2} as l2, t.bucket, t.day
                   from c cross join lateral (
                     select t.connection_id, t.currency, {current} as current, {bucket} as bucket, {day} as day,
                            sum(t.deals) as deals, sum(t.known) as known,
                            case when sum(t.known) > 0 then sum(t.total_minor) end as amount
                       from revenue_day t where t.connection_id = c.connection_id and t.kind = '{kind}' and {days}
                      group by 1, 2, 3, 4, 5 having sum(t.deals) <> 0) t"
            );
        }
        format!(
            "select t.connection_id, t.currency, t.amount_minor as amount, 1 as deals, (t.amount_minor is not null)::int as known,
                    {current} as current, c.since, c.until, c.ahead, {k1} as k1, {k2} as k2, {l1} as l1, {l2} as l2,
                    {bucket} as bucket, t.occurred_on as day
               from c join transaction t on t.connection_id = c.connection_id and t.kind = '{kind}' and {days}"
        )
    }

    /// The groups that are not of time, the largest first.
    fn kept(&self) -> &'static str {
        if self.others.is_empty() {
            return "";
        }
        "kept as (select p.* from (
            select f.currency, f.k1, f.k2,
                   row_number() over (partition by f.currency
                                      order by coalesce(sum(f.amount), 0) desc, count(*) desc, f.k1, f.k2) as place
              from facts f where f.current group by f.currency, f.k1, f.k2) p
             where p.place <= {first}),"
    }

    /// What is summed: facts of the groups that are shown, and rows that add nothing.
    fn shown(&self) -> String {
        let columns =
            "amount, deals, known, current, since, until, ahead, k1, k2, l1, l2, bucket, day";
        let nothing = "null::bigint, 0, 0, null::boolean, c.since, c.until, c.ahead";
        if !self.others.is_empty() {
            let facts = format!(
                "select p.place, f.currency, {columns} from facts f join kept p using (currency, k1, k2)"
            );
            let Some(times) = self.times() else {
                return facts;
            };
            return format!(
                "{facts} union all
                 select u.place, u.currency, {nothing}, u.k1, u.k2, u.l1, u.l2, {bucket}, null::date
                   from (select f.connection_id, f.currency, f.k1, f.k2, max(f.l1) as l1, max(f.l2) as l2, min(p.place) as place
                           from facts f join kept p using (currency, k1, k2)
                          group by f.connection_id, f.currency, f.k1, f.k2) u
                   join c on c.connection_id = u.connection_id cross join lateral {times}",
                bucket = "g.bucket::date",
            );
        }
        let facts = format!("select 0 as place, currency, {columns} from facts");
        let own = format!("{nothing}, '', '', null, null");
        match self.times() {
            // A connection's own currency has a row even when nothing came in.
            None => format!(
                "{facts} union all select 0, c.currency, {own}, null::date, null::date from c"
            ),
            Some(times) => format!(
                "{facts} union all
                 select 0, u.currency, {own}, g.bucket::date, null::date
                   from (select connection_id, currency from c union select connection_id, currency from facts) u
                   join c on c.connection_id = u.connection_id cross join lateral {times}"
            ),
        }
    }

    /// All starts of times that the period touches.
    fn times(&self) -> Option<String> {
        let (_, step) = self.time?.unit()?;
        Some(format!(
            "generate_series({first}::timestamp, {last}::timestamp, interval '{step}') g (bucket)",
            first = self.bucket("c.since"),
            last = self.bucket("c.until"),
        ))
    }

    fn order(&self) -> &'static str {
        if self.time_first {
            "r.currency, r.bucket, r.place"
        } else {
            "r.currency, r.place, r.bucket"
        }
    }

    /// JSON of the groups that are not of time.
    fn keys(&self) -> String {
        let key = |(place, group): (usize, &RevenueGroupBy)| {
            let key = format!("nullif(r.k{}, '')", place + 1);
            let label = group.labelled_by().map_or_else(
                || format!("r.l{}", place + 1),
                |table| {
                    format!(
                        "(select x.name from {table} x where x.id = {key}::uuid and x.connection_id = any({{connections}}))"
                    )
                },
            );
            format!("json_build_object('key', {key}, 'label', {label})")
        };
        let keys: Vec<String> = self.others.iter().enumerate().map(key).collect();
        format!("json_build_array({})", keys.join(", "))
    }

    fn sql(&self, kind: &str) -> String {
        let step = self.time.and_then(RevenueGroupBy::unit).map(|unit| unit.1);
        let previous = match self.time {
            Some(_) => "null",
            None => "json_build_object('total', r.previous_total::text, 'count', r.previous_count)",
        };
        format!(
            "(with c as (select * from {CALENDARS}),
               facts as ({facts}),
               {kept}
               shown as ({shown}){rates}
             select coalesce(json_agg(json_build_object(
                        'currency', r.currency, 'since', r.since, 'until', r.until, 'total', r.total::text,
                        'count', r.count, 'known', r.known, 'previous', {previous}, 'keys', {keys}, 'converted', {converted},
                        'time', case when r.bucket is not null
                                     then json_build_object('start', r.bucket, 'from', r.first, 'to', r.last) end)
                    order by {order}), '[]')
               from (select s.currency, s.k1, s.k2, s.bucket, max(s.l1) as l1, max(s.l2) as l2, min(s.place) as place,
                            min(s.since) as since, max(s.until) as until,
                            min(greatest((s.bucket - make_interval(months => s.ahead::int))::date, s.since)) as first,
                            max(least((s.bucket + interval '{step}' - make_interval(months => s.ahead::int))::date - 1, s.until)) as last,
                            coalesce(sum(s.amount) filter (where s.current), 0) as total,
                            coalesce(sum(s.deals) filter (where s.current), 0) as count,
                            coalesce(sum(s.known) filter (where s.current), 0) as known,
                            coalesce(sum(s.amount) filter (where not s.current), 0) as previous_total,
                            coalesce(sum(s.deals) filter (where not s.current), 0) as previous_count{sums}
                       from shown s {join} group by s.currency, s.k1, s.k2, s.bucket) r)",
            rates = self.converted.as_deref().map_or_else(String::new, convert::rates),
            converted = self.converted.as_deref().map_or_else(|| "null".to_owned(), |to| convert::JSON.replace("{to}", to)),
            sums = if self.converted.is_some() { convert::SUMS } else { "" },
            join = if self.converted.is_some() { convert::JOIN } else { "" },
            facts = self.facts(kind),
            kept = self.kept(),
            shown = self.shown(),
            keys = self.keys(),
            order = self.order(),
            step = step.unwrap_or("1 day"),
        )
    }

    /// Refuses more groups than anybody reads, and counts the rest.
    fn spend(&self, compiler: &mut Compiler<'_>, current: &[Bounds], first: i64) -> Result<()> {
        let days = current
            .iter()
            .map(|(from, to)| (*to - *from).num_days() + 1);
        let times = self
            .time
            .map_or(1, |time| time.count_in(days.max().unwrap_or(1)));
        if times > MAX_TIMES {
            return Err(ApiError::BadInput(format!(
                "the period has {times} groups of time, at most {MAX_TIMES} are allowed: take larger ones or a shorter period"
            )));
        }
        let others = if self.others.is_empty() { 1 } else { first };
        compiler.spend(u64::try_from(times * others).unwrap_or(u64::MAX))
    }
}

/// SQL of the value of the custom field that is asked for; several values are one text.
fn custom(compiler: &mut Compiler<'_>, question: &Question) -> Result<String> {
    let name = match (
        &question.custom_field,
        question.groups.contains(&RevenueGroupBy::CustomField),
    ) {
        (None, false) => return Ok(String::new()),
        (Some(name), true) => FieldName::Name(name.clone()),
        _ => {
            let allowed = "customField goes with groupBy: [CUSTOM_FIELD], and names the field";
            return Err(ApiError::BadInput(allowed.to_owned()));
        }
    };
    let mut values = Vec::new();
    for field in compiler.custom_fields(&TRANSACTION, &name, None)? {
        let key = compiler.bind(Bind::Text(field.id))?;
        values.push(format!("t.custom -> {key}::text"));
    }
    values.push("null::jsonb".to_owned());
    Ok(format!(
        "(select case when jsonb_typeof(z.v) = 'array'
                      then (select string_agg(e.v, ', ') from jsonb_array_elements_text(z.v) e (v))
                      else z.v #>> '{{}}' end
            from (select coalesce({}) as v) z)",
        values.join(", ")
    ))
}

/// SQL of the rows as a JSON array.
pub(super) fn compile(compiler: &mut Compiler<'_>, question: &Question) -> Result<String> {
    let shape = Shape::of(compiler, question)?;
    let first = match question.first.map_or(MAX_GROUPS, i64::from) {
        first if first < 0 => return Err(ApiError::BadInput("first is 0 or more".to_owned())),
        asked if asked > MAX_GROUPS => {
            return Err(ApiError::PageTooLarge {
                asked,
                max: MAX_GROUPS,
            });
        }
        first => first,
    };
    let calendars = compiler.scope.calendars();
    let current = bounds(question.span, compiler.scope, compiler.now);
    shape.spend(compiler, &current, first)?;
    let previous: Vec<Bounds> = calendars
        .iter()
        .map(|calendar| question.span.before(calendar, compiler.now))
        .collect();
    let fiscal = shape.time.is_some_and(RevenueGroupBy::is_fiscal);
    let ahead = calendars.iter().map(|calendar| {
        let ahead = (13 - i64::from(calendar.fiscal_year_start)) % 12;
        if fiscal { ahead } else { 0 }
    });
    let currencies = calendars.iter().map(|calendar| calendar.currency.clone());
    let from = |bounds: &[Bounds]| Bind::Dates(bounds.iter().map(|(from, _)| *from).collect());
    let to = |bounds: &[Bounds]| Bind::Dates(bounds.iter().map(|(_, to)| *to).collect());
    compiler.fill(
        &shape.sql(question.basis.kind()),
        [
            ("{connections}", Bind::Uuids(compiler.scope.connections())),
            ("{since}", from(&current)),
            ("{until}", to(&current)),
            ("{previous_since}", from(&previous)),
            ("{previous_until}", to(&previous)),
            ("{ahead}", Bind::Ints(ahead.collect())),
            ("{currencies}", Bind::Texts(currencies.collect())),
            ("{first}", Bind::Int(first)),
        ],
    )
}
