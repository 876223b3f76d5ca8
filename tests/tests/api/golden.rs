//! The SQL of each list and figure, beside the text that was reviewed: a change of a statement shows as a change of a file.
//!
//! `GOLDEN=write` writes the files anew; look at what `git diff` says of them.

use crate::world::{ONE, World};
use serde_json::json;
use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};

/// Keeps the statements that the API runs.
#[derive(Clone, Default)]
struct Statements(Arc<Mutex<Vec<String>>>);

impl<S: Subscriber> Layer<S> for Statements {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        if event.metadata().target() == "closegraph_api::query::run" {
            event.record(&mut Sql(self));
        }
    }
}

struct Sql<'a>(&'a Statements);

impl Visit for Sql<'_> {
    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        if field.name() == "sql" {
            self.0.0.lock().unwrap().push(format!("{value:?}"));
        }
    }
}

/// A line for each clause; what stands within one is of one blank.
fn readable(sql: &str) -> String {
    let words: Vec<&str> = sql.split_whitespace().collect();
    let mut text = words.join(" ");
    for clause in [
        "from ",
        "where ",
        "join ",
        "left join ",
        "cross join ",
        "group by ",
        "order by ",
        "union all ",
        "union select ",
        "limit ",
    ] {
        text = text.replace(&format!(" {clause}"), &format!("\n{clause}"));
    }
    let text = text
        .replace("left\njoin ", "\nleft join ")
        .replace("cross\njoin ", "\ncross join ");
    text.lines()
        .filter(|line| !line.is_empty())
        .map(|line| format!("{}\n", line.trim_end()))
        .collect()
}

/// A page of each list: its order, its filter, and what is asked of it beside the count.
const LISTS: [(&str, &str, &str, &str); 9] = [
    (
        "companies",
        "[{ field: NAME }]",
        "name: { contains: \"a_b\" }, people: { some: { title: { isNull: false } } }",
        "nodes { id people(first: 2) { nodes { name } } }",
    ),
    (
        "people",
        "[{ field: PRIMARY_EMAIL, direction: DESC }]",
        "email: { eq: \"a@b.example\" }, company: { domain: { eq: \"b.example\" } }",
        "nodes { id company { name } }",
    ),
    (
        "opportunities",
        "[{ field: VALUE, direction: DESC }]",
        "status: { in: [ACTIVE, WON] }, expectedOn: { nextDays: 30 }",
        "totals { amount } nodes { id receivables { totalCount } }",
    ),
    (
        "transactions",
        "[{ field: OCCURRED_ON, direction: DESC }]",
        "kind: { eq: WON_DEAL }, occurredOn: { period: THIS_QUARTER }",
        "totals { amount } nodes { id company { name } }",
    ),
    (
        "receivables",
        "[{ field: DUE_ON }]",
        "paymentStatus: { in: [UNPAID, PARTIAL] }",
        "totals { amount } nodes { id lineItems { description } payments { occurredOn } flags }",
    ),
    (
        "members",
        "[{ field: NAME }]",
        "email: { endsWith: \".example\" }",
        "nodes { id }",
    ),
    (
        "events",
        "[{ field: RECEIVED_AT, direction: DESC }]",
        "state: { in: [DEAD, FAILED] }",
        "nodes { id }",
    ),
    (
        "syncRuns",
        "[{ field: STARTED_AT, direction: DESC }]",
        "status: { eq: FAILED }",
        "nodes { id }",
    ),
    (
        "unmatched",
        "",
        "",
        "nodes { kind record { id } candidates { score record { id } } }",
    ),
];

const FIGURES: [(&str, &str); 16] = [
    (
        "company",
        "{ company(closeId: \"lead_1\") { name customFields { value } lifetimeValue { amount } outstandingBalance { amount } averageDaysToPay auditTrail { nodes { at } } } }",
    ),
    (
        "connections",
        "{ connections { organizationName lag { seconds pendingEvents deadLetters } drift { missing } runs(first: 5) { nodes { kind } } } }",
    ),
    (
        "node",
        "{ node(id: \"00010000-0000-4000-8000-000000000001\") { id } }",
    ),
    (
        "revenue",
        "{ revenue(period: THIS_QUARTER) { total { amount } previous { change } } }",
    ),
    (
        "revenue_collected_by_day",
        "{ revenue(period: THIS_MONTH, basis: COLLECTED, groupBy: [DAY]) { group { from } total { amount } } }",
    ),
    (
        "revenue_by_fiscal_quarter_and_owner",
        "{ revenue(period: THIS_YEAR, groupBy: [FISCAL_QUARTER, OWNER], first: 10) { groups { label } total { amount } } }",
    ),
    (
        "revenue_by_company_and_pipeline",
        "{ revenue(period: THIS_YEAR, groupBy: [COMPANY, PIPELINE]) { groups { label } total { amount } } }",
    ),
    (
        "revenue_by_category_converted",
        "{ revenue(period: THIS_YEAR, groupBy: [CATEGORY], convertTo: \"EUR\") { group { label } converted { total { amount } rates { rate } } } }",
    ),
    (
        "summary",
        "{ summary(period: THIS_MONTH) { newCompanies newPeople won { count } collected { count } invoiced { count } outstanding { count } topCompanies(first: 5) { company { name } } } }",
    ),
    (
        "receivables_aging",
        "{ receivablesAging { bucket count balanceDue { amount } } }",
    ),
    (
        "pipeline",
        "{ pipeline { stageLabel count weightedValue { amount } medianDwellDays overdueCount } }",
    ),
    (
        "needs_attention",
        "{ needsAttention(first: 50) { totalCount nodes { reason message records { id } } } }",
    ),
    (
        "search_name",
        "{ search(query: \"northwind\") { nodes { score matched record { id } } } }",
    ),
    (
        "search_phone",
        "{ search(query: \"+1 (555) 010-7788\", types: [PERSON]) { nodes { score matched record { id } } } }",
    ),
    (
        "search_close_id",
        "{ search(query: \"lead_1\", types: [COMPANY, TRANSACTION]) { nodes { score matched record { id } } } }",
    ),
    (
        "by_custom_field",
        "{ companies(filter: { customFields: { name: \"Industry\", text: { eq: \"Software\" } } }) { totalCount nodes { id } } }",
    ),
];

fn questions() -> Vec<(String, String)> {
    let lists = LISTS.iter().map(|(list, order, filter, asked)| {
        let arguments = if order.is_empty() {
            String::new()
        } else {
            format!(", orderBy: {order}, filter: {{ {filter} }}")
        };
        (format!("list_{list}"), format!("{{ {list}(first: 20{arguments}) {{ totalCount {asked} pageInfo {{ endCursor }} }} }}"))
    });
    let figures = FIGURES
        .iter()
        .map(|(name, query)| ((*name).to_owned(), (*query).to_owned()));
    lists.chain(figures).collect()
}

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("golden")
}

#[tokio::test(flavor = "current_thread")]
async fn each_list_and_figure_is_asked_of_postgres_in_the_words_that_were_reviewed() {
    let statements = Statements::default();
    let subscriber = tracing_subscriber::registry().with(statements.clone());
    let _kept = tracing::subscriber::set_default(subscriber);
    let world = World::new().await;
    world.seed(ONE, 3).await;
    let industry = "insert into custom_field (connection_id, record_type, close_id, name, type, accepts_multiple_values, position)
                    values ($1, 'company', 'cf_industry', 'Industry', 'choices', false, 1)";
    sqlx::query(industry)
        .bind(ONE)
        .execute(&world.pool)
        .await
        .unwrap();
    let token = world.token(&[ONE]).await;
    let write = std::env::var_os("GOLDEN").is_some_and(|mode| mode == "write");
    let mut known = BTreeSet::new();
    for (name, query) in questions() {
        statements.0.lock().unwrap().clear();
        world.data(&token, &query, json!({})).await;
        let run = statements.0.lock().unwrap().clone();
        assert_eq!(run.len(), 1, "{name} is one statement: {run:?}");
        let sql = &run[0];
        let text = format!("-- {query}\n{}", readable(sql));
        let file = folder().join(format!("{name}.sql"));
        known.insert(format!("{name}.sql"));
        if write {
            std::fs::write(&file, &text).unwrap();
        }
        let reviewed = std::fs::read_to_string(&file).unwrap_or_default();
        assert!(
            reviewed == text,
            "{name} is another statement than golden/{name}.sql; GOLDEN=write writes it anew:\n{text}"
        );
    }
    let files: BTreeSet<String> = std::fs::read_dir(folder())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    assert_eq!(files, known, "each file is of a question");
}
