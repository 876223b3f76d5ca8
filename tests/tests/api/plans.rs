//! How Postgres runs what the API asks, on tables that are too large to be read whole.

use crate::world::{ONE, OTHER, World};
use serde_json::{Value, json};
use std::sync::{Arc, Mutex};
use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};

/// Postgres reports the plan of each statement to the client that sent it.
const EXPLAINED: [(&str, &str); 8] = [
    ("session_preload_libraries", "auto_explain"),
    ("auto_explain.log_min_duration", "0"),
    ("auto_explain.log_format", "json"),
    ("auto_explain.log_level", "notice"),
    ("auto_explain.log_analyze", "on"),
    ("auto_explain.log_timing", "off"),
    ("client_min_messages", "notice"),
    ("jit", "off"),
];

/// Keeps the plans that Postgres reports.
#[derive(Clone, Default)]
struct Plans(Arc<Mutex<Vec<Value>>>);

impl<S: Subscriber> Layer<S> for Plans {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        if event.metadata().target() == "sqlx::postgres::notice" {
            event.record(&mut Message(self));
        }
    }
}

struct Message<'a>(&'a Plans);

impl Visit for Message<'_> {
    fn record_str(&mut self, _: &Field, text: &str) {
        if let Some((_, plan)) = text.split_once("plan:\n")
            && let Ok(plan) = serde_json::from_str(plan)
        {
            self.0.0.lock().unwrap().push(plan);
        }
    }

    fn record_debug(&mut self, _: &Field, _: &dyn std::fmt::Debug) {}
}

/// The nodes of a plan that were run.
fn nodes(plan: &Value) -> Vec<&Value> {
    let below = plan["Plans"].as_array().into_iter().flatten();
    let mut all: Vec<&Value> = below.flat_map(nodes).collect();
    if plan["Actual Loops"] != 0 {
        all.push(plan);
    }
    all
}

/// Rows that a node read, those included that it threw away.
fn read(node: &Value) -> f64 {
    let number = |key: &str| node[key].as_f64().unwrap_or(0.0);
    (number("Actual Rows") + number("Rows Removed by Filter")) * number("Actual Loops")
}

const TABLES: [&str; 9] = [
    "company",
    "person",
    "opportunity",
    "transaction",
    "receivable",
    "receivable_line",
    "link",
    "event",
    "change_feed",
];

/// The nodes of a plan that read our tables.
fn reads(plan: &Value) -> Vec<&Value> {
    let ours = |node: &&Value| TABLES.iter().any(|table| node["Relation Name"] == *table);
    nodes(&plan["Plan"]).into_iter().filter(ours).collect()
}

/// What a person wants to know of a node.
fn summary(node: &Value) -> String {
    let words = [
        "Node Type",
        "Relation Name",
        "Index Name",
        "Index Cond",
        "Filter",
    ];
    let words: Vec<String> = words.iter().map(|word| node[word].to_string()).collect();
    format!("{} rows: {}", read(node), words.join(" "))
}

const SIZE: i32 = 20_000;

/// Values inside JSON columns: a rare one, and one of each person. What the updates left behind is taken away.
const RARE: [&str; 4] = [
    "insert into custom_field (connection_id, record_type, close_id, name, type, accepts_multiple_values, position)
     select id, 'company', 'cf_industry', 'Industry', 'choices', false, 1 from connection",
    "update company set custom = jsonb_build_object('cf_industry', case when close_id like 'lead_77%' then 'Rare' else 'Usual' end)",
    "update person set emails = jsonb_build_array(jsonb_build_object('email', primary_email)) where primary_email is not null",
    "vacuum analyze",
];

/// Questions with the most rows that their answers may cost to read.
fn questions() -> Vec<(String, f64)> {
    let mut questions = Vec::new();
    let lists: [(&str, &[&str]); 5] = [
        ("companies", &["NAME", "DOMAIN", "CREATED_AT", "UPDATED_AT"]),
        (
            "people",
            &["NAME", "PRIMARY_EMAIL", "CREATED_AT", "UPDATED_AT"],
        ),
        (
            "opportunities",
            &["VALUE", "EXPECTED_ON", "WON_ON", "CREATED_AT", "UPDATED_AT"],
        ),
        (
            "transactions",
            &[
                "OCCURRED_ON",
                "AMOUNT",
                "CATEGORY",
                "CREATED_AT",
                "UPDATED_AT",
            ],
        ),
        (
            "receivables",
            &[
                "DUE_ON",
                "ISSUED_ON",
                "NUMBER",
                "TOTAL",
                "BALANCE_DUE",
                "CREATED_AT",
                "UPDATED_AT",
            ],
        ),
    ];
    for (list, fields) in lists {
        for field in fields {
            for (direction, count) in [("ASC", "first"), ("DESC", "first"), ("ASC", "last")] {
                let query = format!(
                    "{{ {list}({count}: 20, orderBy: [{{ field: {field}, direction: {direction} }}]) {{ nodes {{ id }} }} }}"
                );
                // One more row from each of two connections.
                questions.push((query, 60.0));
            }
        }
    }
    let few = [
        "{ company(closeId: \"lead_77\") { name people { nodes { name } } opportunities { nodes { id } } transactions { nodes { id } } lifetimeValue { amount } } }",
        "{ companies(filter: { name: { eq: \"Company 7\" } }, first: 10, orderBy: [{ field: NAME }]) { nodes { id } } }",
        "{ companies(filter: { domain: { eq: \"c7.example\" } }, first: 10, orderBy: [{ field: DOMAIN }]) { nodes { id } } }",
        "{ people(filter: { primaryEmail: { eq: \"p77@example.com\" } }) { nodes { id } } }",
        "{ people(filter: { primaryPhone: { eq: \"+155577\" } }) { nodes { id } } }",
        "{ transactions(filter: { occurredOn: { gte: \"2999-01-01\" } }) { nodes { id } totalCount totals { amount } } }",
        "{ opportunities(filter: { updatedAt: { gt: \"2999-01-01T00:00:00Z\" } }) { nodes { id } totalCount } }",
        "{ companies(first: 20) { nodes { name people(first: 2) { nodes { name } } transactions(first: 2) { nodes { id } } } } }",
        "{ events(first: 20) { nodes { id } } }",
        "{ companies(filter: { customFields: { name: \"Industry\", text: { eq: \"Rare\" } } }) { nodes { id } totalCount } }",
        "{ companies(filter: { domain: { contains: \"c77.EX\" } }) { totalCount } }",
        "{ people(filter: { email: { eq: \"p76@example.com\" } }) { totalCount } }",
        "{ changes(first: 500) { nodes { cursor record { __typename } } } }",
        "{ receivables(first: 100, filter: { paymentStatus: { in: [UNPAID, PARTIAL] } }, orderBy: [{ field: DUE_ON }]) { nodes { number flags lineItems { description } company { name } opportunity { id } payments { occurredOn } } } }",
        "{ receivables(filter: { number: { eq: \"INV-7\" } }, orderBy: [{ field: NUMBER }]) { nodes { id } totalCount } }",
        "{ company(closeId: \"lead_77\") { receivables { nodes { id } } outstandingBalance { amount } averageDaysToPay } }",
        "{ opportunity(closeId: \"oppo_33\") { receivables { nodes { number } totalCount totals { amount } } } }",
        "{ transactions(filter: { closeId: { in: [\"custobj_34\", \"oppo_33\"] } }, orderBy: [{ field: UPDATED_AT }]) { nodes { id } totalCount } }",
    ];
    questions.extend(few.map(|query| (query.to_owned(), 3_000.0)));
    questions.extend(searches().map(|query| (query.to_owned(), 6_500.0)));
    questions.extend(figures());
    questions
}

/// Searches; nearly all names begin alike, so that the number of candidates ends one.
fn searches() -> [&'static str; 6] {
    [
        "{ search(query: \"Company 7\") { nodes { record { id } } } }",
        "{ search(query: \"p77@example.com\") { nodes { record { id } } } }",
        "{ search(query: \"c7.exmple\") { nodes { record { id } } } }",
        "{ search(query: \"+1 (555) 77\", types: [PERSON]) { nodes { record { id } } } }",
        "{ search(query: \"INV-77\", types: [RECEIVABLE]) { nodes { record { id } } } }",
        "{ search(query: \"lead_77\") { nodes { record { id } } } }",
    ]
}

/// Figures with the most rows that they may read.
fn figures() -> Vec<(String, f64)> {
    // Deals were won over 500 days; a quarter and the one before are at most 184 of them, a year is 366.
    let won_in = |days: f64| f64::from(2 * SIZE / 3) * days / 500.0 * 1.1;
    let owed = f64::from(2 * SIZE) * 0.4 + 10.0;
    [
        (
            "{ revenue(period: THIS_QUARTER) { total { amount } previous { count } } }",
            won_in(184.0),
        ),
        (
            "{ revenue(period: THIS_YEAR, groupBy: [MONTH]) { group { from } total { amount } } }",
            won_in(366.0),
        ),
        (
            "{ revenue(period: THIS_QUARTER, groupBy: [COMPANY], first: 10) { group { label } total { amount } } }",
            won_in(184.0) + 50.0,
        ),
        (
            "{ revenue(period: THIS_QUARTER, convertTo: \"EUR\") { converted { missing { count } } } }",
            won_in(184.0),
        ),
        (
            "{ receivablesAging { bucket count balanceDue { amount } } }",
            owed,
        ),
        (
            "{ summary(period: THIS_MONTH) { newCompanies newPeople invoiced { count } topCompanies { company { name } } } }",
            won_in(31.0) + 200.0,
        ),
        ("{ summary(period: TODAY) { outstanding { count } } }", owed),
        (
            "{ pipeline { stageLabel count medianDwellDays } }",
            f64::from(2 * SIZE / 3) + 10.0,
        ),
    ]
    .into_iter()
    .chain(worklists())
    .map(|(query, rows)| (query.to_owned(), rows))
    .collect()
}

/// What a person should look at, with the most rows that finding it may read.
fn worklists() -> [(&'static str, f64); 4] {
    let both = f64::from(2 * SIZE);
    [
        // Nearly half of the invoices are unlinked: a page is full soon.
        (
            "{ unmatched(kinds: [INVOICE_WITHOUT_DEAL], first: 20) { nodes { record { id } candidates { score } } } }",
            500.0,
        ),
        // Hundreds of companies share each domain.
        (
            "{ unmatched(kinds: [DUPLICATE_COMPANY], first: 20) { nodes { record { id } candidates { score } } } }",
            20_000.0,
        ),
        // All people have companies: each is looked at once, and so is its company.
        (
            "{ unmatched(kinds: [ORPHAN_PERSON], first: 20) { nodes { record { id } } } }",
            both * 4.1,
        ),
        // What needs attention is counted with what it is counted among: won deals, open deals, invoices.
        (
            "{ needsAttention(first: 20) { totalCount nodes { message records { id } } } }",
            both * 3.0,
        ),
    ]
}

/// A feed that is too long to be read whole, of both connections in turns.
async fn seed_feed(world: &World) {
    sqlx::query(
        "insert into change_feed (connection_id, record_type, record_id, close_id, action, at)
         select case when n % 2 = 0 then $1 else $2 end, 'company', gen_random_uuid(), 'lead_' || n, 'updated', now()
           from generate_series(1, 50000) n",
    )
    .bind(ONE)
    .bind(OTHER)
    .execute(&world.pool)
    .await
    .unwrap();
    sqlx::query("analyze change_feed")
        .execute(&world.pool)
        .await
        .unwrap();
}

#[tokio::test(flavor = "current_thread")]
async fn lists_and_lookups_read_about_the_rows_that_they_answer() {
    let plans = Plans::default();
    let subscriber = tracing_subscriber::registry().with(plans.clone());
    let _kept = tracing::subscriber::set_default(subscriber);
    let world = World::with(&EXPLAINED).await;
    world.seed(ONE, SIZE).await;
    world.seed(OTHER, SIZE).await;
    world.seed_invoices(ONE, SIZE).await;
    world.seed_invoices(OTHER, SIZE).await;
    for statement in RARE {
        sqlx::query(statement).execute(&world.pool).await.unwrap();
    }
    seed_feed(&world).await;
    let token = world.token(&[ONE, OTHER]).await;
    for (query, allowed) in questions() {
        plans.0.lock().unwrap().clear();
        world.data(&token, &query, json!({})).await;
        let seen = plans.0.lock().unwrap().clone();
        let nodes: Vec<&Value> = seen.iter().flat_map(reads).collect();
        let read: f64 = nodes.iter().map(|node| read(node)).sum();
        assert!(!seen.is_empty(), "no plan of {query} was reported");
        let shown: Vec<String> = nodes.into_iter().map(summary).collect();
        assert!(
            read <= allowed,
            "{query} reads {read} rows, {allowed} are allowed:\n{}",
            shown.join("\n")
        );
    }
}
