//! The statement of a page: each kind picks its newest rows by an index, of which the page takes the first by kind; only
//! for these the records and their candidates are read.

use super::UnmatchedKind;
use crate::error::Result;
use crate::query::compile::{At, Compiler, asked};
use crate::query::cursor::{behind, decode_of, unreadable};
use crate::query::operators::Word;
use crate::query::order::Order;
use crate::query::page::nodes;
use crate::query::selection::Selection;
use crate::query::table::Table;
use crate::query::window::PageRequest;
use crate::schema::{COMPANY, PERSON, RECEIVABLE, TRANSACTION};

/// Names the order in a cursor.
const ORDER: &str = "unmatched kind+source_created_at-id-";
/// Candidates of a record at most.
const CANDIDATES: u64 = 10;

/// A linked deal counts while it is won.
const NO_DEAL: &str = "not exists (select from link k join transaction w on w.connection_id = k.connection_id
        and w.opportunity_id = k.opportunity_id and w.kind = 'won_deal'
      where (k.connection_id = {t}.connection_id) is true and k.receivable_id = {invoice} and k.state = 'linked')";

const ORPHAN: &str = "({t}.company_id is null or not exists
      (select from company l where l.id = {t}.company_id and l.connection_id = {t}.connection_id))";

const INVOICES: &str = "select k.receivable_id as id, k.score, k.reasons from link k
      where (k.connection_id = p.connection_id) is true and k.opportunity_id = p.subject and k.state = 'candidate'";

const DEALS: &str = "select w.id, k.score, k.reasons from link k
       join transaction w on w.connection_id = k.connection_id and w.opportunity_id = k.opportunity_id and w.kind = 'won_deal'
      where (k.connection_id = p.connection_id) is true and k.receivable_id = p.subject and k.state = 'candidate'";

/// The same domain says much, and the same name the rest.
const COMPANIES: &str = "select x.id, case when lower(x.name) = lower(s.name) then 95 else 80 end as score,
        to_jsonb(array_remove(array['the same domain, ' || s.domain,
                                    case when lower(x.name) = lower(s.name) then 'the same name' end], null)) as reasons
       from company s join company x on x.connection_id = s.connection_id and x.domain = s.domain and x.id <> s.id
      where s.connection_id = p.connection_id and s.id = p.subject";

impl UnmatchedKind {
    fn table(self) -> &'static Table {
        match self {
            Self::DealWithoutInvoice | Self::PaymentWithoutDeal | Self::OrphanTransaction => {
                &TRANSACTION
            }
            Self::InvoiceWithoutDeal | Self::OrphanReceivable => &RECEIVABLE,
            Self::OrphanPerson => &PERSON,
            Self::DuplicateCompany => &COMPANY,
        }
    }

    /// SQL of what makes a row one of the kind.
    fn condition(self, at: &At) -> String {
        let condition = match self {
            Self::DealWithoutInvoice => {
                "{t}.kind = 'won_deal'
                 and exists (select from invoice_mapping m where m.connection_id = {c} and m.state = 'active')
                 and not exists (select from link k join receivable r on r.id = k.receivable_id and r.connection_id = k.connection_id
                                  where (k.connection_id = {t}.connection_id) is true
                                    and k.opportunity_id = {t}.opportunity_id and k.state = 'linked')".to_owned()
            }
            Self::InvoiceWithoutDeal => {
                let no_deal = NO_DEAL.replace("{invoice}", "{t}.id");
                format!("({{t}}.status in ('draft', 'void')) is not true and {no_deal}")
            }
            Self::PaymentWithoutDeal => {
                let no_deal = NO_DEAL.replace("{invoice}", "{t}.receivable_id");
                format!("{{t}}.kind = 'invoice_payment' and {no_deal}")
            }
            Self::OrphanPerson | Self::OrphanTransaction | Self::OrphanReceivable => ORPHAN.to_owned(),
            Self::DuplicateCompany => {
                "{t}.domain is not null and exists (select from company d
                   where d.connection_id = {c} and d.domain = {t}.domain and d.id <> {t}.id)".to_owned()
            }
        };
        condition
            .replace("{t}", &at.alias)
            .replace("{c}", &at.connection)
    }

    /// The column by which candidates are found.
    fn subject(self) -> &'static str {
        match self {
            Self::DealWithoutInvoice => "opportunity_id",
            Self::PaymentWithoutDeal => "receivable_id",
            _ => "id",
        }
    }

    /// What candidates are, and SQL of their ids, scores and reasons.
    fn candidates(self) -> Option<(&'static Table, &'static str)> {
        match self {
            Self::DealWithoutInvoice => Some((&RECEIVABLE, INVOICES)),
            Self::InvoiceWithoutDeal | Self::PaymentWithoutDeal => Some((&TRANSACTION, DEALS)),
            Self::DuplicateCompany => Some((&COMPANY, COMPANIES)),
            Self::OrphanPerson | Self::OrphanTransaction | Self::OrphanReceivable => None,
        }
    }
}

/// The JSON of a page of these kinds; of all where none are named.
pub(super) fn compile(
    compiler: &mut Compiler<'_>,
    kinds: Option<&[UnmatchedKind]>,
    request: &PageRequest,
    selection: &Selection<'_>,
) -> Result<String> {
    let wanted = |kind: &&UnmatchedKind| kinds.is_none_or(|kinds| kinds.contains(kind));
    let kinds: Vec<UnmatchedKind> = UnmatchedKind::ALL.iter().filter(wanted).copied().collect();
    let asked = selection.children("UnmatchedConnection");
    let is_asked = |name: &str| asked.iter().any(|child| child.name == name);
    let mut parts = Vec::new();
    if is_asked("nodes") || is_asked("edges") || is_asked("pageInfo") {
        let limit = request.limit(compiler.max_page)?;
        let nodes = nodes(&asked, "UnmatchedEdge");
        let rows = rows(compiler, &kinds, request.after(), nodes.as_ref(), limit)?;
        parts.push(format!(
            "'limit', {limit}, 'resumed', {}, 'order', '{ORDER}', 'rows', {rows}",
            request.after().is_some()
        ));
    }
    if is_asked("totalCount") {
        let mut counts = vec!["0".to_owned()];
        for kind in kinds {
            let at = compiler.at_scope(kind.table());
            let from = compiler.in_scope(&at)?;
            let condition = kind.condition(&at);
            counts.push(format!("(select count(*) from {from} and {condition})"));
        }
        parts.push(format!("'totalCount', {}", counts.join(" + ")));
    }
    Ok(format!("json_build_object({})", parts.join(", ")))
}

fn rows(
    compiler: &mut Compiler<'_>,
    kinds: &[UnmatchedKind],
    after: Option<&str>,
    nodes: Option<&Selection<'_>>,
    limit: i64,
) -> Result<String> {
    let keys = after.map(|after| decode_of(after, ORDER, 3)).transpose()?;
    let (resumed, keys) = match keys.as_deref() {
        None => (None, None),
        Some([kind, keys @ ..]) => {
            let place = UnmatchedKind::ALL
                .iter()
                .position(|one| kind.as_deref() == Some(one.word()));
            (Some(place.ok_or_else(unreadable)?), Some(keys.to_vec()))
        }
        Some([]) => return Err(unreadable()),
    };
    let mut picked = Vec::new();
    for (place, kind) in UnmatchedKind::ALL.iter().enumerate() {
        if kinds.contains(kind) && resumed.is_none_or(|resumed| resumed <= place) {
            let keys = keys.as_ref().filter(|_| resumed == Some(place));
            picked.push(pick(compiler, *kind, place, keys, limit + 1)?);
        }
    }
    if picked.is_empty() {
        return Ok("json_build_array()".to_owned());
    }
    let size = u64::try_from(limit).unwrap_or(0).max(1);
    compiler.spend(size)?;
    compiler.multiplier = size;
    let node = match nodes {
        Some(selection) => node(compiler, kinds, selection)?,
        None => "json_build_object()".to_owned(),
    };
    Ok(format!(
        "(select coalesce(json_agg(r.j), '[]') from (
            select json_build_object(
                       'k', json_build_array(p.kind, (extract(epoch from p.created) * 1000000)::bigint::text, p.id::text),
                       'n', {node}) as j
              from (select u.* from ({}) u order by u.place, u.created desc, u.id desc limit {}) p
             order by p.place, p.created desc, p.id desc) r)",
        picked.join(" union all "),
        limit + 1
    ))
}

/// The newest of a kind, behind the keys where there are some.
fn pick(
    compiler: &mut Compiler<'_>,
    kind: UnmatchedKind,
    place: usize,
    keys: Option<&Vec<Option<String>>>,
    limit: i64,
) -> Result<String> {
    let table = kind.table();
    let at = At {
        table,
        alias: compiler.alias(),
        connection: "c.id".to_owned(),
    };
    let order = Order::new(&[], table);
    let from = format!("{} and {}", compiler.from(&at), kind.condition(&at));
    let select = format!(
        "select {a}.id, {a}.{subject} as subject, {a}.source_created_at as created from {from}",
        a = at.alias,
        subject = kind.subject(),
    );
    let window = format!("order by {} limit {limit}", order.sql(&at));
    let part = match keys {
        None => format!("{select} {window}"),
        Some(keys) => {
            let ranges = behind(compiler, &at, &order, keys)?;
            let each = ranges
                .iter()
                .map(|range| format!("({select} and {range} {window})"));
            each.collect::<Vec<_>>().join(" union all ")
        }
    };
    let scope = compiler.scope()?;
    Ok(format!(
        "(select {place} as place, '{}'::text as kind, c.id as connection_id, x.id, x.subject, x.created
            from unnest({scope}::uuid[]) c (id) cross join lateral ({part}) x
           order by x.created desc, x.id desc limit {limit})",
        kind.word()
    ))
}

/// The JSON of a picked row `p`.
fn node(
    compiler: &mut Compiler<'_>,
    kinds: &[UnmatchedKind],
    selection: &Selection<'_>,
) -> Result<String> {
    let children = selection.children("Unmatched");
    let mut pairs = vec!["'kind', p.kind".to_owned()];
    if let Some(selection) = asked(&children, "record") {
        let mut cases = String::new();
        for table in [&TRANSACTION, &RECEIVABLE, &PERSON, &COMPANY] {
            let of = kinds.iter().filter(|kind| kind.table().name == table.name);
            if let Some(words) = words(of) {
                let record = compiler.typed(table, "p.connection_id", "p.id", &selection)?;
                cases.push_str(&format!(" when p.kind in ({words}) then ({record})"));
            }
        }
        pairs.push(format!("'record', case{cases} end"));
    }
    if let Some(selection) = asked(&children, "candidates") {
        let outer = compiler.multiplier;
        compiler.multiplier = outer.saturating_mul(CANDIDATES);
        compiler.spend(compiler.multiplier)?;
        let mut cases = String::new();
        for (table, pairs) in [
            (&RECEIVABLE, INVOICES),
            (&TRANSACTION, DEALS),
            (&COMPANY, COMPANIES),
        ] {
            let of = kinds.iter().filter(|kind| {
                kind.candidates()
                    .is_some_and(|(of, _)| of.name == table.name)
            });
            if let Some(words) = words(of) {
                let found = candidates(compiler, table, pairs, &selection)?;
                cases.push_str(&format!(" when p.kind in ({words}) then ({found})"));
            }
        }
        compiler.multiplier = outer;
        if !cases.is_empty() {
            pairs.push(format!(
                "'candidates', coalesce(case{cases} end, json_build_array())"
            ));
        }
    }
    Ok(format!("json_build_object({})", pairs.join(", ")))
}

fn words<'k>(kinds: impl Iterator<Item = &'k UnmatchedKind>) -> Option<String> {
    let words: Vec<String> = kinds.map(|kind| format!("'{}'", kind.word())).collect();
    (!words.is_empty()).then(|| words.join(", "))
}

fn candidates(
    compiler: &mut Compiler<'_>,
    table: &'static Table,
    pairs: &str,
    selection: &Selection<'_>,
) -> Result<String> {
    let children = selection.children("MatchCandidate");
    let mut fields = vec!["'score', round(k.score / 100.0, 2), 'reasons', k.reasons".to_owned()];
    if let Some(selection) = asked(&children, "record") {
        let record = compiler.typed(table, "p.connection_id", "k.id", &selection)?;
        fields.push(format!("'record', ({record})"));
    }
    Ok(format!(
        "select json_agg(json_build_object({}) order by k.score desc, k.id)
           from ({pairs} order by 2 desc, 1 limit {CANDIDATES}) k",
        fields.join(", ")
    ))
}
