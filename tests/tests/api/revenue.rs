//! Revenue by group, won and collected.

use crate::invoices::{Invoice, UNPAID, day};
use crate::world::{ONE, OTHER, World};
use closegraph_entity::record::{record_id, won_deal_id};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use uuid::Uuid;

const TREND: &str = include_str!("../../../web/graphiql/examples/revenue-trend.graphql");

pub(crate) async fn revenue(world: &World, token: &str, arguments: &str, fields: &str) -> Value {
    let query = format!("{{ revenue({arguments}) {{ {fields} }} }}");
    world.data(token, &query, json!({})).await["revenue"].clone()
}

/// Adds a won deal of the first company.
pub(crate) async fn won(
    world: &World,
    connection: Uuid,
    number: usize,
    on: &str,
    currency: &str,
    minor: i64,
) {
    sqlx::query(
        "insert into transaction (id, connection_id, close_id, kind, company_id, occurred_on, amount_minor, currency,
                billing_period, source_updated_at)
         values ($1, $2, $3, 'won_deal', $4, $5, $6, $7, 'one_time', '2026-01-01Z')",
    )
    .bind(won_deal_id(connection, &format!("oppo_made_{number}")))
    .bind(connection)
    .bind(format!("oppo_made_{number}"))
    .bind(record_id(connection, "lead_1"))
    .bind(day(on))
    .bind(minor)
    .bind(currency)
    .execute(&world.pool)
    .await
    .unwrap();
}

/// Sums of (count, total) by currency.
fn sums(rows: &Value) -> BTreeMap<String, (i64, i128)> {
    let mut sums = BTreeMap::new();
    for row in rows.as_array().unwrap() {
        let sum: &mut (i64, i128) = sums.entry(row["currency"].to_string()).or_default();
        sum.0 += row["count"].as_i64().unwrap();
        sum.1 += row["total"]["minorUnits"]
            .as_str()
            .unwrap()
            .parse::<i128>()
            .unwrap();
    }
    sums.retain(|_, sum| *sum != (0, 0));
    sums
}

#[tokio::test]
async fn the_groups_of_a_period_add_up_to_its_revenue() {
    let world = World::new().await;
    world.seed(ONE, 300).await;
    world.seed_invoices(ONE, 300).await;
    world.seed(OTHER, 60).await;
    sqlx::query(
        "update connection set fiscal_year_start = 4, time_zone = 'Asia/Tokyo' where id = $1",
    )
    .bind(OTHER)
    .execute(&world.pool)
    .await
    .unwrap();
    sqlx::query("update transaction set category = (array['New', 'Renewal', null])[1 + length(close_id) % 3]")
        .execute(&world.pool)
        .await
        .unwrap();
    let token = world.token(&[ONE, OTHER]).await;
    let trend = world.data(&token, TREND, json!({})).await;
    assert!(trend["byMonth"].as_array().unwrap().len() >= 12, "{trend}");
    let times = [
        "DAY",
        "WEEK",
        "MONTH",
        "QUARTER",
        "YEAR",
        "FISCAL_QUARTER",
        "FISCAL_YEAR",
    ];
    let others = ["COMPANY", "OWNER", "PIPELINE", "CATEGORY"];
    let mut groups: Vec<String> = [&times[..], &others[..]]
        .concat()
        .iter()
        .map(|group| (*group).to_owned())
        .collect();
    groups.extend(
        [
            "MONTH, OWNER",
            "OWNER, MONTH",
            "CATEGORY, OWNER",
            "FISCAL_QUARTER, CATEGORY",
            "COMPANY, YEAR",
        ]
        .map(str::to_owned),
    );
    let fields = "currency count total { minorUnits } groups { key label from to }";
    for span in [
        "period: THIS_YEAR",
        "period: LAST_QUARTER",
        "from: \"2025-01-15\", to: \"2026-02-03\"",
    ] {
        for basis in ["WON", "COLLECTED"] {
            let whole = revenue(&world, &token, &format!("{span}, basis: {basis}"), fields).await;
            for group in &groups {
                let arguments = format!("{span}, basis: {basis}, groupBy: [{group}]");
                let parts = revenue(&world, &token, &arguments, fields).await;
                assert_eq!(sums(&parts), sums(&whole), "{arguments}");
                let mut seen: Vec<String> = parts
                    .as_array()
                    .unwrap()
                    .iter()
                    .map(|row| format!("{} {}", row["currency"], row["groups"]))
                    .collect();
                let rows = seen.len();
                seen.sort();
                seen.dedup();
                assert_eq!(seen.len(), rows, "{arguments}: a group comes twice");
            }
        }
    }
}

#[tokio::test]
async fn the_largest_groups_come_first_with_the_period_before() {
    let world = World::new().await;
    world.seed(ONE, 3).await;
    sqlx::query("delete from transaction")
        .execute(&world.pool)
        .await
        .unwrap();
    for (number, (on, currency, minor)) in [
        ("2026-02-10", "USD", 700),
        ("2026-01-10", "USD", 1_000),
        ("2026-02-11", "USD", 800),
        ("2026-02-12", "EUR", 5),
        ("2026-01-12", "USD", 9_999),
    ]
    .into_iter()
    .enumerate()
    {
        won(&world, ONE, number, on, currency, minor).await;
    }
    let owners = "update transaction set owner_id = case close_id when 'oppo_made_2' then $1 when 'oppo_made_4' then $3 else $2 end";
    sqlx::query(owners)
        .bind(record_id(ONE, "user_1"))
        .bind(record_id(ONE, "user_2"))
        .bind(record_id(ONE, "user_3"))
        .execute(&world.pool)
        .await
        .unwrap();
    let token = world.token(&[ONE]).await;
    let february = "from: \"2026-02-01\", to: \"2026-02-28\"";
    let fields = "currency group { label from } total { minorUnits } previous { total { minorUnits } count change }";
    let row = |currency: &str,
               label: &str,
               minor: &str,
               before: &str,
               count: i64,
               change: Value| {
        json!({ "currency": currency, "group": { "label": label, "from": null }, "total": { "minorUnits": minor },
                "previous": { "total": { "minorUnits": before }, "count": count, "change": change } })
    };
    let rows = revenue(
        &world,
        &token,
        &format!("{february}, groupBy: [OWNER]"),
        fields,
    )
    .await;
    let euro = row("EUR", "Member 2", "5", "0", 0, Value::Null);
    let first = row("USD", "Member 1", "800", "0", 0, Value::Null);
    let second = row("USD", "Member 2", "700", "1000", 1, json!("-0.3"));
    assert_eq!(
        rows,
        json!([euro, first, second]),
        "nobody without revenue in the period is shown"
    );
    let rows = revenue(
        &world,
        &token,
        &format!("{february}, groupBy: [OWNER], first: 1"),
        fields,
    )
    .await;
    assert_eq!(rows, json!([euro, first]), "the first of each currency");
    let months = "from: \"2026-01-15\", to: \"2026-02-28\", groupBy: [OWNER, MONTH], first: 1";
    let fields = "currency groups { key } total { minorUnits } previous { count }";
    let rows = revenue(&world, &token, months, fields).await;
    let key = record_id(ONE, "user_1");
    let row = |month: &str, minor: &str| {
        json!({ "currency": "USD", "groups": [{ "key": key }, { "key": month }],
                "total": { "minorUnits": minor }, "previous": null })
    };
    let usd: Vec<&Value> = rows
        .as_array()
        .unwrap()
        .iter()
        .filter(|row| row["currency"] == "USD")
        .collect();
    assert_eq!(usd, [&row("2026-01", "0"), &row("2026-02", "800")]);
}

#[tokio::test]
async fn collected_is_what_was_paid_less_what_was_taken_back() {
    let world = World::new().await;
    world.seed(ONE, 30).await;
    let dinar = Invoice {
        currency: "KWD",
        places: 3,
        ..UNPAID
    };
    world.invoice(ONE, dinar).await;
    for payment in [
        (1, "2024-02-29", 5_500),
        (2, "2024-03-01", -1_000),
        (3, "2024-01-31", 1),
    ] {
        world.payment(ONE, dinar, payment).await;
    }
    let token = world.token(&[ONE]).await;
    let fields =
        "currency total { amount } count averageDeal { amount } previous { total { minorUnits } }";
    let rows = revenue(
        &world,
        &token,
        "from: \"2024-02-29\", to: \"2024-03-01\", basis: COLLECTED",
        fields,
    )
    .await;
    assert_eq!(
        rows,
        json!([
            { "currency": "KWD", "total": { "amount": "4.500" }, "count": 2, "averageDeal": { "amount": "2.250" },
              "previous": { "total": { "minorUnits": "0" } } },
            { "currency": "USD", "total": { "amount": "0.00" }, "count": 0, "averageDeal": null,
              "previous": { "total": { "minorUnits": "0" } } },
        ])
    );
}

#[tokio::test]
async fn groups_that_make_no_sense_are_refused_with_what_is_allowed() {
    let world = World::new().await;
    world.seed(ONE, 3).await;
    let token = world.token(&[ONE]).await;
    for (arguments, says, code) in [
        (
            "period: TODAY, groupBy: [MONTH, YEAR]",
            "at most one is of time",
            "BAD_USER_INPUT",
        ),
        (
            "period: TODAY, groupBy: [OWNER, OWNER]",
            "two different groups",
            "BAD_USER_INPUT",
        ),
        (
            "period: TODAY, groupBy: [OWNER, MONTH, COMPANY]",
            "one or two",
            "BAD_USER_INPUT",
        ),
        (
            "period: TODAY, groupBy: [MONTH], first: 5",
            "not of time",
            "BAD_USER_INPUT",
        ),
        ("period: TODAY, first: 5", "not of time", "BAD_USER_INPUT"),
        (
            "period: TODAY, groupBy: [OWNER], first: -1",
            "0 or more",
            "BAD_USER_INPUT",
        ),
        (
            "period: TODAY, groupBy: [OWNER], first: 501",
            "at most 500",
            "PAGE_TOO_LARGE",
        ),
        (
            "from: \"1900-01-01\", to: \"2026-01-01\", groupBy: [DAY]",
            "at most 1000",
            "BAD_USER_INPUT",
        ),
        (
            "period: THIS_YEAR, groupBy: [DAY, COMPANY]",
            "at most 100000",
            "QUERY_TOO_COSTLY",
        ),
        (
            "period: TODAY, from: \"2026-01-01\"",
            "either period, or both",
            "BAD_USER_INPUT",
        ),
    ] {
        let query = format!("{{ revenue({arguments}) {{ count }} }}");
        let (message, found) = world.refused(&token, &query, json!({})).await;
        assert!(message.contains(says), "{arguments}: {message}");
        assert_eq!(found, code, "{arguments}");
    }
}
