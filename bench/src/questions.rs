//! Questions to Closegraph and to PostGraphile over the same tables, beside SQL written by hand under pgbench: the same
//! rows as JSON, without a server between. `bench/questions` holds the documents, the SQL and the rows.

mod postgraphile;

use crate::load::{Measured, Target};
use crate::ours::Ours;
use crate::pgbench;
use crate::tables::{CONNECTION, seeded, some_companies};
use anyhow::{Context, ensure};
use chrono::{Datelike, NaiveDate, Utc};
use closegraph_tests::Database;
use postgraphile::PostGraphile;
use serde_json::{Value, json};
use std::time::Duration;

/// Companies unless said otherwise; three times as many people and transactions, twice as many invoices.
pub(crate) const COMPANIES: u32 = 100_000;
const CONNECTIONS: usize = 16;
const MANY_CONNECTIONS: usize = 64;
const WARM_UP: Duration = Duration::from_secs(1);
const SPAN: Duration = Duration::from_secs(5);

/// A question in each of its forms, and where the rows stand in an answer.
struct Question {
    name: &'static str,
    ours: &'static str,
    theirs: &'static str,
    sql: &'static str,
    rows: [&'static str; 2],
}

macro_rules! question {
    ($name:literal, $file:literal, $ours:literal, $theirs:literal) => {
        Question {
            name: $name,
            ours: include_str!(concat!("../questions/", $file, ".graphql")),
            theirs: include_str!(concat!("../questions/", $file, ".postgraphile.graphql")),
            sql: include_str!(concat!("../questions/", $file, ".sql")),
            rows: [$ours, $theirs],
        }
    };
}

const QUESTIONS: [Question; 5] = [
    question!(
        "50 won deals of a quarter with company",
        "deals",
        "/transactions/nodes",
        "/transactions/nodes"
    ),
    question!(
        "sums by currency and month",
        "months",
        "/revenue",
        "/transactions/groupedAggregates"
    ),
    question!(
        "50 companies with 5 transactions and people",
        "companies",
        "/companies/nodes",
        "/companies/nodes"
    ),
    question!(
        "50 overdue invoices with company",
        "overdue",
        "/receivables/nodes",
        "/receivables/nodes"
    ),
    question!("one company by id", "company", "/company", "/company"),
];

/// What the questions ask about.
struct Values {
    companies: Vec<String>,
    quarter: NaiveDate,
    year: NaiveDate,
    today: NaiveDate,
}

impl Values {
    async fn of(database: &Database) -> anyhow::Result<Self> {
        let today = Utc::now().date_naive();
        let first_of = |month| NaiveDate::from_ymd_opt(today.year(), month, 1).context("no month");
        Ok(Self {
            companies: some_companies(database).await?,
            quarter: first_of(today.month0() / 3 * 3 + 1)?,
            year: first_of(1)?,
            today,
        })
    }

    /// The start of what a question asks about.
    fn from(&self, question: &Question) -> NaiveDate {
        if question.sql.contains("{year}") {
            self.year
        } else {
            self.quarter
        }
    }

    /// What is posted; where a question is about one company, in turn for each of a hundred.
    fn bodies(&self, question: &Question, document: &str) -> Vec<String> {
        let companies = match declares(document, "id") {
            true => self.companies.as_slice(),
            false => self.companies.get(..1).unwrap_or_default(),
        };
        let companies = companies.iter();
        let bodies = companies.map(|company| self.body(question, document, company));
        bodies.collect()
    }

    fn body(&self, question: &Question, document: &str, company: &str) -> String {
        let all = [
            ("connection", json!(CONNECTION)),
            ("id", json!(company)),
            ("from", json!(self.from(question))),
            ("to", json!(self.today)),
        ];
        let variables: serde_json::Map<String, Value> = all
            .into_iter()
            .filter(|(name, _)| declares(document, name))
            .map(|(name, value)| (name.to_owned(), value))
            .collect();
        json!({"query": document, "variables": variables}).to_string()
    }

    fn sql(&self, question: &Question) -> String {
        let (place, companies) = (self.companies.len(), self.companies.join(","));
        let company = format!("('{{{companies}}}'::uuid[])[:place]");
        let sql = question.sql.replace("'{company}'", &company);
        format!("\\set place random(1, {place})\n{sql}")
            .replace("{connection}", CONNECTION)
            .replace("{from}", &self.quarter.to_string())
            .replace("{year}", &self.year.to_string())
            .replace("{to}", &self.today.to_string())
    }
}

/// Whether a document has a variable.
fn declares(document: &str, name: &str) -> bool {
    document.contains(&format!("${name}:"))
}

/// How many rows an answer has.
fn rows(answer: &[u8], place: &str) -> anyhow::Result<usize> {
    let answer: Value = serde_json::from_slice(answer)?;
    let found = answer.pointer(&format!("/data{place}"));
    let found = found.with_context(|| format!("no rows: {answer}"))?;
    ensure!(answer.get("errors").is_none(), "refused: {answer}");
    Ok(found.as_array().map_or(1, Vec::len))
}

async fn measured(target: &Target, connections: usize) -> anyhow::Result<Measured> {
    target.measure(connections, WARM_UP).await?;
    target.measure(connections, SPAN).await
}

/// Says how each question, whose name holds `named`, is answered by each.
pub(crate) async fn measure(companies: u32, named: &str, say: fn(&str)) -> anyhow::Result<()> {
    let database = seeded(companies).await?;
    let values = Values::of(&database).await?;
    let ours = Ours::start(&database, "0", "16").await?;
    let keeping = Ours::start(&database, "67108864", "4").await?;
    let theirs = PostGraphile::start(database.url()).await;
    if let Err(reason) = &theirs {
        say(&format!("questions    PostGraphile skipped: {reason:#}"));
    }
    say(&format!(
        "questions    {companies} companies, {} people, {} transactions, {} invoices; {CONNECTIONS} connections",
        3 * companies,
        3 * companies,
        2 * companies
    ));
    let asked = QUESTIONS.iter();
    for question in asked.filter(|question| question.name.contains(named)) {
        let script = pgbench::script(&values.sql(question))?;
        let ceiling = pgbench::rate(database.url(), script.path(), CONNECTIONS, SPAN)?;
        let bodies = values.bodies(question, question.ours);
        let target = ours.posting(&bodies)?;
        let [our_place, their_place] = question.rows;
        let found = rows(&target.once().await?, our_place)?;
        let few = measured(&target, CONNECTIONS).await?;
        let many = measured(&target, MANY_CONNECTIONS).await?;
        let kept = measured(&keeping.posting(&bodies)?, CONNECTIONS).await?;
        let mut line = format!(
            "questions    {}: {:.0}/s, SQL {ceiling:.0}/s: ratio {:.2}; p50 {:.1} ms, p99 {:.1} ms; p99 of {MANY_CONNECTIONS} connections {:.1} ms; kept answers {:.0}/s",
            question.name,
            few.per_second,
            few.per_second / ceiling,
            few.percentile(50),
            few.percentile(99),
            many.percentile(99),
            kept.per_second,
        );
        if let Ok(peer) = &theirs {
            let bodies = values.bodies(question, question.theirs);
            let target = Target::posting(&peer.url, None, &bodies)?;
            let theirs = rows(&target.once().await?, their_place)?;
            ensure!(
                theirs >= 1 && found >= theirs,
                "{found} rows, the peer has {theirs}"
            );
            let peered = measured(&target, CONNECTIONS).await?;
            line.push_str(&format!(
                "; PostGraphile {} {:.0}/s: {:.1} times",
                peer.version,
                peered.per_second,
                few.per_second / peered.per_second
            ));
        }
        say(&line);
    }
    Ok(())
}
