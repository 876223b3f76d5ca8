//! What is owed, by how long it is overdue.

use crate::invoices::{Invoice, UNPAID, day};
use crate::world::{ONE, OTHER, World};
use chrono::{NaiveDate, TimeDelta, Utc};
use serde_json::{Value, json};
use std::collections::BTreeMap;

const BUCKETS: [&str; 5] = [
    "CURRENT",
    "DAYS_1_30",
    "DAYS_31_60",
    "DAYS_61_90",
    "OVER_90",
];

const AGING: &str = "query ($day: Date) {
    receivablesAging(asOf: $day) { currency bucket count balanceDue { minorUnits currency } } }";

async fn aging(world: &World, token: &str, day: Option<NaiveDate>) -> Value {
    world.data(token, AGING, json!({ "day": day })).await["receivablesAging"].clone()
}

fn row(currency: &str, bucket: &str, count: usize, minor: i64) -> Value {
    json!({ "currency": currency, "bucket": bucket, "count": count,
            "balanceDue": { "minorUnits": minor.to_string(), "currency": currency } })
}

/// The bucket of an invoice that is so many days overdue, in other words than the API's.
fn bucket(overdue: Option<i64>) -> &'static str {
    match overdue {
        Some(1..=30) => "DAYS_1_30",
        Some(31..=60) => "DAYS_31_60",
        Some(61..=90) => "DAYS_61_90",
        Some(91..) => "OVER_90",
        _ => "CURRENT",
    }
}

#[tokio::test]
async fn each_invoice_is_in_the_bucket_of_its_days_whatever_the_day_and_sums_equal_what_is_owed() {
    let world = World::new().await;
    world.seed(ONE, 1).await;
    let anchor = day("2024-02-29");
    let mut owed: Vec<(&str, Option<NaiveDate>, i64)> = Vec::new();
    for offset in -130..=40_i64 {
        let currency = ["USD", "JPY", "KWD"][offset.unsigned_abs() as usize % 3];
        let due_on = (offset % 10 != 3).then(|| anchor + TimeDelta::days(offset));
        let balance = 1_000_000_007 + offset * offset;
        owed.push((currency, due_on, balance));
        let invoice = Invoice {
            close_id: &format!("custobj_{offset}"),
            payment_status: if offset % 2 == 0 { "unpaid" } else { "partial" },
            currency,
            due_on,
            balance: Some(balance),
            ..UNPAID
        };
        world.invoice(ONE, invoice).await;
    }
    for payment_status in ["paid", "overpaid", "unknown"] {
        let invoice = Invoice {
            close_id: payment_status,
            payment_status,
            due_on: Some(anchor),
            ..UNPAID
        };
        world.invoice(ONE, invoice).await;
    }
    let token = world.token(&[ONE]).await;
    for days in [-200, -31, -1, 0, 1, 29, 30, 31, 60, 61, 90, 91, 366] {
        let seen_from = anchor + TimeDelta::days(days);
        let mut expected: BTreeMap<(&str, &str), (usize, i64)> = BTreeMap::new();
        for currency in ["JPY", "KWD", "USD"] {
            expected.extend(BUCKETS.map(|bucket| ((currency, bucket), (0, 0))));
        }
        for (currency, due_on, balance) in &owed {
            let overdue = due_on.map(|due_on| (seen_from - due_on).num_days());
            let sum = expected.get_mut(&(*currency, bucket(overdue))).unwrap();
            *sum = (sum.0 + 1, sum.1 + balance);
        }
        let expected: Vec<Value> = expected
            .into_iter()
            .map(|((currency, bucket), (count, minor))| row(currency, bucket, count, minor))
            .collect();
        let found = aging(&world, &token, Some(seen_from)).await;
        assert_eq!(found, json!(expected), "as of {seen_from}");
    }
    let totals = "{ receivables(filter: { paymentStatus: { in: [UNPAID, PARTIAL] } }) { totals { currency minorUnits } } }";
    let totals = world.data(&token, totals, json!({})).await["receivables"]["totals"].clone();
    let now = aging(&world, &token, None).await;
    for total in totals.as_array().unwrap() {
        let rows = now.as_array().unwrap().iter();
        let rows = rows.filter(|row| row["currency"] == total["currency"]);
        let sum: i64 = rows
            .map(|row| {
                row["balanceDue"]["minorUnits"]
                    .as_str()
                    .unwrap()
                    .parse::<i64>()
                    .unwrap()
            })
            .sum();
        assert_eq!(total["minorUnits"], sum.to_string());
    }
}

#[tokio::test]
async fn today_is_that_of_each_connection() {
    let world = World::new().await;
    for connection in [ONE, OTHER] {
        world.seed(connection, 1).await;
    }
    let zones = "update connection set time_zone = case when id = $1 then 'Pacific/Kiritimati' else 'Etc/GMT+12' end";
    sqlx::query(zones)
        .bind(ONE)
        .execute(&world.pool)
        .await
        .unwrap();
    // In Kiritimati it is tomorrow, seen from the other end of the world, or the day after.
    let today_in_the_west = (Utc::now() - TimeDelta::hours(12)).date_naive();
    for connection in [ONE, OTHER] {
        let invoice = Invoice {
            due_on: Some(today_in_the_west),
            ..UNPAID
        };
        world.invoice(connection, invoice).await;
    }
    let zero = |bucket| row("USD", bucket, 0, 0);
    let both = world.token(&[ONE, OTHER]).await;
    assert_eq!(
        aging(&world, &both, None).await,
        json!([
            row("USD", "CURRENT", 1, 10_000),
            row("USD", "DAYS_1_30", 1, 10_000),
            zero("DAYS_31_60"),
            zero("DAYS_61_90"),
            zero("OVER_90"),
        ])
    );
    let east = world.token(&[ONE]).await;
    assert_eq!(
        aging(&world, &east, None).await[0],
        zero("CURRENT"),
        "what others are owed is not seen"
    );
    let none = world.token(&[]).await;
    assert_eq!(aging(&world, &none, None).await, json!([]));
}
