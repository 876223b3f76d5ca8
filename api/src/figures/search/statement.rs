//! The statement: each way in which a record can be like the text finds a few by an index, the best way of each record
//! counts, and only the best records are read.

use super::SearchField;
use super::text::Sought;
use crate::error::Result;
use crate::query::compile::{Compiler, asked};
use crate::query::operators::{Word, escape};
use crate::query::selection::Selection;
use crate::query::statement::Bind;
use crate::query::table::Table;
use crate::schema::{COMPANY, MEMBER, OPPORTUNITY, PERSON, RECEIVABLE, RecordType, TRANSACTION};

/// Records that one way finds at most, before they are ranked.
const CANDIDATES: u32 = 5_000;
/// Records whose names begin with the text; they come in the order of their names.
const BEGINNINGS: u32 = 100;
/// What is less alike than this part of the best is noise.
const NOISE: &str = "0.4";

/// The types in the order in which equally good records stand.
const TYPES: [(RecordType, &Table); 6] = [
    (RecordType::Company, &COMPANY),
    (RecordType::Person, &PERSON),
    (RecordType::Receivable, &RECEIVABLE),
    (RecordType::Opportunity, &OPPORTUNITY),
    (RecordType::Transaction, &TRANSACTION),
    (RecordType::Member, &MEMBER),
];

/// All e-mail addresses of a person, and the digits of all its numbers: words of the indexes.
const EMAILS: &str = "lower(jsonb_path_query_array({t}.emails, '$[*].email')::text)";
const PHONES: &str =
    "regexp_replace(jsonb_path_query_array({t}.phones, '$[*].number')::text, '[^0-9,]', '', 'g')";

/// The names that begin with the text, in any case: a range of the index, whatever the database's collation.
const BEGINS: &str = "lower({t}.name) ~>=~ lower({text})
     and lower({t}.name) ~<=~ (lower({text}) || U&'\\+10FFFF')";
const HOW_IT_BEGINS: &str = "case when lower({t}.name) = lower({text}) then 1.0
     else 0.9 + 0.09 * similarity({t}.name, {text}) end";

/// The names of which a part is like the text. How much has to agree is a setting, which is set where the text is read:
/// before the index is.
const ALIKE: &str =
    "{t}.name %> (select case when set_config('pg_trgm.word_similarity_threshold', {alike}, true)
     is not null then {text} end)";
const HOW_ALIKE: &str =
    "0.8 * word_similarity({text}, {t}.name) + 0.09 * similarity({t}.name, {text})";

/// One way to find records: `{t}` is the record, the other places are binds.
struct Way {
    table: &'static Table,
    /// The column that it compares.
    column: &'static str,
    matched: SearchField,
    condition: String,
    score: String,
    /// What follows ORDER BY, where the first are wanted and not any.
    order: Option<&'static str>,
    limit: u32,
}

/// What stands before SELECT, and the JSON of the answer; `None` where nothing can be found.
pub(super) fn compile(
    compiler: &mut Compiler<'_>,
    sought: &Sought,
    types: Option<&[RecordType]>,
    first: i32,
    selection: &Selection<'_>,
) -> Result<Option<(String, String)>> {
    let wanted = |one: &RecordType| types.is_none_or(|types| types.contains(one));
    let tables: Vec<&'static Table> = TYPES
        .into_iter()
        .filter(|(one, _)| wanted(one))
        .map(|(_, table)| table)
        .collect();
    let mut ways = Vec::new();
    for table in &tables {
        ways.extend(by_name(compiler, table, sought)?);
        ways.extend(by_address(compiler, table, sought)?);
        ways.extend(by_id(compiler, table, sought)?);
    }
    let mut found = Vec::with_capacity(ways.len());
    for way in ways {
        found.push(way.sql(compiler)?);
    }
    if found.is_empty() {
        return Ok(None);
    }
    let size = u64::try_from(first).unwrap_or(0).max(1);
    compiler.spend(size)?;
    compiler.multiplier = size;
    let node = node(compiler, &tables, selection)?;
    let place: Vec<&str> = tables.iter().map(|table| table.name).collect();
    let with = format!(
        "found as materialized ({found}),
         best as (select distinct on (f.type, f.id) f.* from found f order by f.type, f.id, f.score desc, f.matched),
         ranked as (select b.*, array_position(array['{place}'], b.type) as place from best b
                     where b.score >= {NOISE} * (select max(m.score) from best m)
                     order by b.score desc, place, b.id limit {first})",
        found = found.join("\n union all "),
        place = place.join("', '"),
    );
    let json = format!(
        "json_build_object('nodes', (select coalesce(json_agg({node} order by p.score desc, p.place, p.id), '[]') from ranked p))"
    );
    Ok(Some((with, json)))
}

impl Way {
    fn sql(self, compiler: &mut Compiler<'_>) -> Result<String> {
        let at = compiler.at_scope(self.table);
        let words = compiler.words(self.table, self.column);
        let from = compiler.among(&words, &at)?;
        let of = |sql: &str| sql.replace("{t}", &at.alias);
        let order = self
            .order
            .map_or_else(String::new, |order| format!("order by {}", of(order)));
        Ok(format!(
            "(select '{table}'::text as type, {a}.connection_id, {a}.id, '{matched}'::text as matched,
                     ({score})::float8 as score
                from {from} and {condition} {order} limit {limit})",
            table = self.table.name,
            a = at.alias,
            matched = self.matched.word(),
            score = of(&self.score),
            condition = of(&self.condition),
            limit = self.limit,
        ))
    }
}

fn by_name(
    compiler: &mut Compiler<'_>,
    table: &'static Table,
    sought: &Sought,
) -> Result<Vec<Way>> {
    if ![COMPANY.name, PERSON.name, MEMBER.name].contains(&table.name) {
        return Ok(Vec::new());
    }
    let text = format!("{}::text", compiler.bind(Bind::Text(sought.text.clone()))?);
    let way = |condition: String, score: &str, order, limit| Way {
        table,
        column: "name",
        matched: SearchField::Name,
        condition,
        score: score.replace("{text}", &text),
        order,
        limit,
    };
    let begins = BEGINS.replace("{text}", &text);
    let mut ways = vec![way(
        begins,
        HOW_IT_BEGINS,
        Some("lower({t}.name)"),
        BEGINNINGS,
    )];
    if let Some(alike) = sought.alike {
        let alike = compiler.bind(Bind::Text(format!("{alike:.3}")))?;
        let condition = ALIKE.replace("{text}", &text).replace("{alike}", &alike);
        ways.push(way(condition, HOW_ALIKE, None, CANDIDATES));
    }
    Ok(ways)
}

/// By what reaches a record, and by the number of an invoice.
fn by_address(
    compiler: &mut Compiler<'_>,
    table: &'static Table,
    sought: &Sought,
) -> Result<Vec<Way>> {
    let (domain, email) = (sought.domain.as_deref(), sought.email.as_deref());
    let mut found = Vec::new();
    match table.name {
        "company" => found.extend(domain.map(|domain| {
            let found = part(compiler, "{t}.domain", domain, true)?;
            Ok((SearchField::Domain, "domain", found))
        })),
        "member" => found.extend(email.map(|email| {
            let found = part(compiler, "{t}.email", email, false)?;
            Ok((SearchField::Email, "email", found))
        })),
        "person" => {
            found.extend(
                email.map(|email| Ok((SearchField::Email, "emails", emails(compiler, email)?))),
            );
            let digits = sought.digits.as_deref();
            found.extend(
                digits.map(|digits| Ok((SearchField::Phone, "phones", phones(compiler, digits)?))),
            );
        }
        "receivable" => {
            let inside = sought.alike.is_some();
            let found_in = part(compiler, "{t}.number", &sought.text, inside)?;
            found.push(Ok((SearchField::Number, "number", found_in)));
        }
        _ => {}
    }
    let way = |(matched, column, (condition, score))| Way {
        table,
        column,
        matched,
        condition,
        score,
        order: None,
        limit: CANDIDATES,
    };
    found.into_iter().map(|found| found.map(way)).collect()
}

/// A LIKE pattern as a bind.
fn like(compiler: &mut Compiler<'_>, before: &str, text: &str, after: &str) -> Result<String> {
    compiler.bind(Bind::Text(format!("{before}{}{after}", escape(text))))
}

/// Condition and score of a column that is, begins with or, `inside`, contains a text, in any case.
fn part(
    compiler: &mut Compiler<'_>,
    column: &str,
    text: &str,
    inside: bool,
) -> Result<(String, String)> {
    let whole = like(compiler, "", text, "")?;
    let begins = like(compiler, "", text, "%")?;
    let anywhere = if inside {
        like(compiler, "%", text, "%")?
    } else {
        begins.clone()
    };
    Ok((
        format!("{column} ilike {anywhere}"),
        format!(
            "case when {column} ilike {whole} then 1.0 when {column} ilike {begins} then 0.85 else 0.65 end"
        ),
    ))
}

/// The same of all e-mail addresses of a person, by how they begin.
fn emails(compiler: &mut Compiler<'_>, email: &str) -> Result<(String, String)> {
    let whole = like(compiler, "%\"", email, "\"%")?;
    let begins = like(compiler, "%\"", email, "%")?;
    Ok((
        format!("{EMAILS} like {begins}"),
        format!("case when {EMAILS} like {whole} then 1.0 else 0.85 end"),
    ))
}

/// The same of all telephone numbers, by how they end and by parts.
fn phones(compiler: &mut Compiler<'_>, digits: &str) -> Result<(String, String)> {
    let anywhere = like(compiler, "%", digits, "%")?;
    let last = like(compiler, "%", digits, "")?;
    let end = like(compiler, "%", digits, ",%")?;
    Ok((
        format!("{PHONES} like {anywhere}"),
        format!("case when {PHONES} like {last} or {PHONES} like {end} then 1.0 else 0.65 end"),
    ))
}

/// By the id here, the id in Close, and the id in Close of what was merged into a record.
fn by_id(compiler: &mut Compiler<'_>, table: &'static Table, sought: &Sought) -> Result<Vec<Way>> {
    let mut ways = Vec::new();
    let mut add = |matched, condition: String| {
        ways.push(Way {
            table,
            column: "id",
            matched,
            condition,
            score: "1.0".to_owned(),
            order: None,
            limit: CANDIDATES,
        });
    };
    if let Some(id) = sought.id {
        let id = compiler.bind(Bind::Uuid(id))?;
        add(SearchField::Id, format!("{{t}}.id = {id}"));
    }
    if let Some(close_id) = &sought.close_id {
        let connections = compiler.scope.connections();
        let of = |record_id: fn(_, &str) -> _| {
            Bind::Uuids(
                connections
                    .iter()
                    .map(|one| record_id(*one, close_id))
                    .collect(),
            )
        };
        let ids = compiler.bind(of(table.record_id))?;
        add(SearchField::CloseId, format!("{{t}}.id = any({ids})"));
        if let Some(column) = table.part_of {
            let whole = compiler.bind(of(closegraph_entity::record::record_id))?;
            add(
                SearchField::CloseId,
                format!("{{t}}.{column} = any({whole})"),
            );
        }
        add(
            SearchField::OldCloseId,
            format!(
                "{{t}}.id = any(array(with recursive merged (id) as (
                     select d.merged_into_id from tombstone d
                      where d.record_id = any({ids}) and d.merged_into_id is not null
                     union
                     select d.merged_into_id from tombstone d join merged m on d.record_id = m.id
                      where d.merged_into_id is not null)
                 select id from merged))"
            ),
        );
    }
    Ok(ways)
}

/// The JSON of a ranked row `p`.
fn node(
    compiler: &mut Compiler<'_>,
    tables: &[&'static Table],
    selection: &Selection<'_>,
) -> Result<String> {
    let mut pairs = vec!["'score', round(p.score::numeric, 3), 'matched', p.matched".to_owned()];
    let nodes = asked(&selection.children("SearchResults"), "nodes");
    let record = nodes.and_then(|nodes| asked(&nodes.children("SearchResult"), "record"));
    if let Some(selection) = record {
        let mut cases = String::new();
        for table in tables {
            let record = compiler.typed(table, "p.connection_id", "p.id", &selection)?;
            cases.push_str(&format!(" when '{}' then ({record})", table.name));
        }
        pairs.push(format!("'record', case p.type{cases} end"));
    }
    Ok(format!("json_build_object({})", pairs.join(", ")))
}
