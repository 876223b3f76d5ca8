//! Figures beside what is computed of the simulated organization's own state, without a database.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

mod organization;
mod unmatched;

use chrono::{Datelike, NaiveDate};
use organization::{Organization, amount, date, decimal, sums};
use rust_decimal::Decimal;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

#[tokio::test]
async fn unpaid_invoices_and_their_age() {
    let organization = Organization::start(700).await;
    let answer = organization
        .ask(include_str!("../../queries/unpaid-invoices.graphql"))
        .await;
    let expected: BTreeMap<&str, (&Value, i64)> = organization
        .unpaid()
        .map(|(invoice, left)| {
            (
                invoice["number"].as_str().unwrap_or_default(),
                (invoice, left),
            )
        })
        .collect();
    let page = &answer["receivables"];
    assert_eq!(page["totalCount"], organization.unpaid().count());
    let by_currency = sums(
        organization
            .unpaid()
            .map(|(invoice, left)| (invoice["currency"].as_str().unwrap(), left)),
    );
    let totals = page["totals"].as_array().unwrap();
    assert_eq!(totals.len(), by_currency.len());
    for total in totals {
        let currency = total["currency"].as_str().unwrap();
        assert_eq!(
            decimal(&total["amount"]),
            amount(by_currency[currency].0, currency)
        );
    }
    for node in page["nodes"].as_array().unwrap() {
        let (truth, left) = expected[node["number"].as_str().unwrap_or_default()];
        let currency = truth["currency"].as_str().unwrap();
        assert_eq!(
            decimal(&node["balanceDue"]["amount"]),
            amount(left, currency),
            "{node}"
        );
        assert_eq!(node["dueOn"], truth["due_on"]);
        let late = date(&truth["due_on"]).map(|due| (organization.today - due).num_days().max(0));
        assert_eq!(node["daysOverdue"].as_i64(), late, "{node}");
        let payments = node["payments"].as_array().unwrap().iter();
        let paid: Decimal = payments
            .map(|payment| decimal(&payment["amount"]["amount"]))
            .sum();
        assert_eq!(
            paid,
            amount(truth["paid_minor"].as_i64().unwrap_or(0), currency),
            "{node}"
        );
        assert_eq!(
            node["lineItems"].as_array().unwrap().len(),
            truth["lines"].as_array().unwrap().len()
        );
    }
    ages(&organization, &answer["receivablesAging"]);
}

fn ages(organization: &Organization, answer: &Value) {
    let bucket = |invoice: &Value| {
        let late = date(&invoice["due_on"]).map_or(0, |due| (organization.today - due).num_days());
        match late {
            ..=0 => "CURRENT",
            1..=30 => "DAYS_1_30",
            31..=60 => "DAYS_31_60",
            61..=90 => "DAYS_61_90",
            _ => "OVER_90",
        }
    };
    let expected = sums(organization.unpaid().map(|(invoice, left)| {
        (
            (invoice["currency"].as_str().unwrap(), bucket(invoice)),
            left,
        )
    }));
    let mut seen = 0;
    for row in answer.as_array().unwrap() {
        let (currency, bucket) = (
            row["currency"].as_str().unwrap(),
            row["bucket"].as_str().unwrap(),
        );
        let (minor, count) = expected
            .get(&(currency, bucket))
            .copied()
            .unwrap_or_default();
        assert_eq!(
            decimal(&row["balanceDue"]["amount"]),
            amount(minor, currency),
            "{row}"
        );
        assert_eq!(row["count"].as_i64(), Some(count), "{row}");
        seen += count;
    }
    assert_eq!(seen, expected.values().map(|(_, count)| count).sum::<i64>());
}

#[tokio::test]
async fn the_month_and_the_year() {
    let organization = Organization::start(700).await;
    let answer = organization
        .ask(include_str!("../../queries/summarise-this-month.graphql"))
        .await;
    let summary = &answer["summary"];
    let first = organization.today.with_day(1).unwrap();
    let last = first + chrono::Months::new(1) - chrono::Days::new(1);
    assert_eq!(date(&summary["period"]["from"]), Some(first));
    assert_eq!(date(&summary["period"]["to"]), Some(last));
    let within = |day: &NaiveDate| (first..=last).contains(day);
    let won = organization.won().filter(|(day, _)| within(day));
    let won = sums(won.map(|(_, deal)| {
        (
            deal["value_currency"].as_str().unwrap(),
            deal["value"].as_i64().unwrap_or(0),
        )
    }));
    compare(&summary["won"], "total", &won);
    let issued = organization.invoices.iter().filter(|invoice| {
        let counts = matches!(invoice["state"].as_str(), Some("issued" | "paid"));
        counts && date(&invoice["issued_on"]).is_some_and(|day| within(&day))
    });
    let issued = sums(issued.map(|invoice| {
        (
            invoice["currency"].as_str().unwrap(),
            invoice["total_minor"].as_i64().unwrap_or(0),
        )
    }));
    compare(&summary["invoiced"], "total", &issued);
    let owed = sums(
        organization
            .unpaid()
            .map(|(invoice, left)| (invoice["currency"].as_str().unwrap(), left)),
    );
    compare(&summary["outstanding"], "balanceDue", &owed);
    let overdue = organization.unpaid().filter(|(invoice, _)| {
        date(&invoice["due_on"]).is_some_and(|due| due < organization.today)
    });
    let counted: i64 = summary["outstanding"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| row["overdueCount"].as_i64().unwrap())
        .sum();
    assert_eq!(counted, overdue.count() as i64);
    let leads: Vec<Value> = organization
        .demo
        .control("objects/lead")
        .await
        .unwrap()
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let new = leads
        .iter()
        .filter(|lead| within(&organization.day(&lead["date_created"])))
        .count();
    assert_eq!(summary["newCompanies"], new);
    trend(&organization).await;
}

/// Rows by currency beside sums; rows of nothing are passed over.
fn compare(rows: &Value, field: &str, expected: &BTreeMap<&str, (i64, i64)>) {
    let mut seen = BTreeSet::new();
    for row in rows.as_array().unwrap() {
        let currency = row["currency"].as_str().unwrap();
        let (minor, count) = expected.get(currency).copied().unwrap_or_default();
        assert_eq!(row["count"].as_i64(), Some(count), "{field} {row}");
        assert_eq!(
            decimal(&row[field]["amount"]),
            amount(minor, currency),
            "{field} {row}"
        );
        seen.insert(currency);
    }
    assert!(
        expected.keys().all(|currency| seen.contains(currency)),
        "{expected:?} {rows}"
    );
}

async fn trend(organization: &Organization) {
    let answer = organization
        .ask(include_str!("../../queries/revenue-trend.graphql"))
        .await;
    let year = organization.today.year();
    let won = organization.won().filter(|(day, _)| day.year() == year);
    let by_month = sums(won.map(|(day, deal)| {
        let currency = deal["value_currency"].as_str().unwrap();
        (
            format!("{currency} {}", day.month()),
            deal["value"].as_i64().unwrap_or(0),
        )
    }));
    let month = |row: &Value| {
        format!(
            "{} {}",
            row["currency"].as_str().unwrap(),
            date(&row["group"]["from"]).unwrap().month()
        )
    };
    for row in answer["byMonth"].as_array().unwrap() {
        let (minor, count) = by_month.get(&month(row)).copied().unwrap_or_default();
        let currency = row["currency"].as_str().unwrap();
        assert_eq!(
            (decimal(&row["total"]["amount"]), row["count"].as_i64()),
            (amount(minor, currency), Some(count)),
            "{row}"
        );
    }
    let sum = |rows: &Value| -> i64 {
        rows.as_array()
            .unwrap()
            .iter()
            .map(|row| row["count"].as_i64().unwrap())
            .sum()
    };
    let all: i64 = by_month.values().map(|(_, count)| count).sum();
    assert_eq!(
        (sum(&answer["byMonth"]), sum(&answer["byOwner"])),
        (all, all)
    );
    let companies = sums(
        organization
            .won()
            .filter(|(day, _)| day.year() == year)
            .map(|(_, deal)| {
                (
                    deal["lead_id"].as_str().unwrap(),
                    deal["value"].as_i64().unwrap_or(0),
                )
            }),
    );
    let mut best: Vec<i64> = companies.values().map(|(minor, _)| *minor).collect();
    best.sort_by_key(|minor| std::cmp::Reverse(*minor));
    let shown = answer["byCompany"].as_array().unwrap().iter();
    let shown: Vec<Decimal> = shown.map(|row| decimal(&row["total"]["amount"])).collect();
    let best: Vec<Decimal> = best
        .into_iter()
        .take(10)
        .map(|minor| amount(minor, "USD"))
        .collect();
    assert_eq!(shown, best);
    // Of invoices without a date of payment only the event tells, which was before our time.
    let dated = organization.collected();
    for row in answer["collected"].as_array().unwrap() {
        let currency = row["currency"].as_str().unwrap();
        let least = amount(dated.get(&month(row)).copied().unwrap_or(0), currency);
        assert!(
            decimal(&row["total"]["amount"]) >= least,
            "{row}, {least} are dated"
        );
    }
}

#[tokio::test]
async fn the_pipeline_by_stage() {
    let organization = Organization::start(500).await;
    let answer = organization
        .ask(include_str!("../../queries/pipeline.graphql"))
        .await;
    let open = organization
        .deals
        .iter()
        .filter(|deal| deal["status_type"] == "active");
    let key = |deal: &Value| {
        let word = |key: &str| deal[key].as_str().unwrap().to_owned();
        (
            word("pipeline_name"),
            word("status_label"),
            word("value_currency"),
        )
    };
    let mut expected: BTreeMap<_, (i64, i64, i64, i64)> = BTreeMap::new();
    for deal in open {
        let sums = expected.entry(key(deal)).or_default();
        let value = deal["value"].as_i64().unwrap_or(0);
        sums.0 += 1;
        sums.1 += value;
        sums.2 += value * deal["confidence"].as_i64().unwrap_or(0);
        sums.3 += i64::from(date(&deal["date_won"]).is_some_and(|day| day < organization.today));
    }
    let rows = answer["pipeline"].as_array().unwrap();
    assert_eq!(rows.len(), expected.len());
    for row in rows {
        let word = |key: &str| row[key].as_str().unwrap().to_owned();
        let (count, value, weighted, overdue) =
            expected[&(word("pipelineName"), word("stageLabel"), word("currency"))];
        assert_eq!(
            (row["count"].as_i64(), row["overdueCount"].as_i64()),
            (Some(count), Some(overdue)),
            "{row}"
        );
        assert_eq!(
            decimal(&row["value"]["amount"]),
            amount(value, "USD"),
            "{row}"
        );
        let exact = Decimal::new(weighted, 4)
            .round_dp_with_strategy(2, rust_decimal::RoundingStrategy::MidpointNearestEven);
        assert_eq!(decimal(&row["weightedValue"]["amount"]), exact, "{row}");
    }
    let stages: Vec<&str> = rows
        .iter()
        .filter(|row| row["pipelineName"] == "Sales")
        .map(|row| row["stageLabel"].as_str().unwrap())
        .collect();
    assert_eq!(
        stages,
        [
            "Discovery",
            "Demo Completed",
            "Proposal Sent",
            "Contract Sent"
        ],
        "in board order"
    );
}
