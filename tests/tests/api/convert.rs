//! Revenue in another currency, by dated rates.

use crate::world::{ONE, World};
use serde_json::{Value, json};

/// Won deals of known days and amounts: 10.00 and 0.01 dollars, yen, and one without a value.
async fn world() -> World {
    let world = World::new().await;
    world.seed(ONE, 15).await;
    let deals = "update transaction t set occurred_on = d.day, currency = d.currency, amount_minor = d.minor
        from (values ('oppo_3', date '2026-02-01', 'USD', 1000), ('oppo_6', '2026-02-10', 'USD', 1000), ('oppo_9', '2026-02-10', 'USD', null),
                     ('oppo_12', '2026-02-12', 'JPY', 1001), ('oppo_15', '2026-02-28', 'EUR', 500)) d (deal, day, currency, minor)
       where t.close_id = d.deal";
    sqlx::query(deals).execute(&world.pool).await.unwrap();
    world
}

async fn rate(world: &World, day: &str, base: &str, quote: &str, rate: &str) {
    sqlx::query(
        "insert into exchange_rate (day, base, quote, rate) values ($1::date, $2, $3, $4::numeric)",
    )
    .bind(day.parse::<chrono::NaiveDate>().unwrap())
    .bind(base)
    .bind(quote)
    .bind(rate)
    .execute(&world.pool)
    .await
    .unwrap();
}

const QUERY: &str = "query ($to: CurrencyCode) { revenue(from: \"2026-02-01\", to: \"2026-02-28\", convertTo: $to) {
    currency total { minorUnits } count
    converted { total { amount currency } rates { from to rate on } missing { total { amount currency } count } } } }";

/// The converted figures by the currency of the row.
async fn converted(world: &World, to: &str) -> Value {
    let token = world.token(&[ONE]).await;
    let answer = world.data(&token, QUERY, json!({ "to": to })).await;
    let rows = answer["revenue"].as_array().unwrap().iter();
    rows.map(|row| {
        (
            row["currency"].as_str().unwrap().to_owned(),
            row["converted"].clone(),
        )
    })
    .collect::<serde_json::Map<_, _>>()
    .into()
}

#[tokio::test]
async fn each_amount_is_converted_at_the_rate_of_its_day_and_the_sum_is_rounded_once() {
    let world = world().await;
    rate(&world, "2026-01-15", "USD", "EUR", "0.90005").await;
    rate(&world, "2026-02-05", "USD", "EUR", "0.91005").await;
    rate(&world, "2026-02-11", "USD", "EUR", "0.5").await;
    rate(&world, "2026-02-01", "EUR", "JPY", "160").await;
    let figures = converted(&world, "EUR").await;
    // 1000 x 0.90005 + 1000 x 0.91005 is 1810.1 cents.
    assert_eq!(
        figures["USD"],
        json!({
            "total": { "amount": "18.10", "currency": "EUR" },
            "rates": [
                { "from": "USD", "to": "EUR", "rate": "0.90005", "on": "2026-01-15" },
                { "from": "USD", "to": "EUR", "rate": "0.91005", "on": "2026-02-05" },
            ],
            "missing": null,
        })
    );
    // The other way round: 1001 yen at 1/160, which is 0.00625: 6.25625 euros.
    assert_eq!(
        figures["JPY"]["total"],
        json!({ "amount": "6.26", "currency": "EUR" })
    );
    assert_eq!(figures["JPY"]["rates"][0]["rate"], "0.00625");
    assert_eq!(
        figures["EUR"],
        json!({ "total": { "amount": "5.00", "currency": "EUR" }, "rates": [], "missing": null })
    );
    // Yen have no cents: 5.00 euros are 800 of them.
    let yen = converted(&world, "JPY").await;
    assert_eq!(
        yen["EUR"]["total"],
        json!({ "amount": "800", "currency": "JPY" })
    );
    assert_eq!(yen["JPY"]["total"]["amount"], "1001");
}

#[tokio::test]
async fn halves_go_to_the_even_neighbour() {
    let world = world().await;
    rate(&world, "2026-02-01", "USD", "EUR", "0.50025").await;
    // 2000 x 0.50025 is 1000.5 cents.
    assert_eq!(
        converted(&world, "EUR").await["USD"]["total"]["amount"],
        "10.00"
    );
    rate(&world, "2026-02-02", "USD", "EUR", "0.50125").await;
    // 1000 x 0.50025 + 1000 x 0.50125 is 1001.5.
    assert_eq!(
        converted(&world, "EUR").await["USD"]["total"]["amount"],
        "10.02"
    );
}

#[tokio::test]
async fn what_has_no_rate_is_missing_and_never_dropped() {
    let world = world().await;
    rate(&world, "2026-02-05", "USD", "EUR", "2").await;
    let figures = converted(&world, "EUR").await;
    assert_eq!(
        figures["USD"]["missing"],
        json!({ "total": { "amount": "10.00", "currency": "USD" }, "count": 1 }),
        "the deal before the first rate"
    );
    assert_eq!(figures["USD"]["total"]["amount"], "20.00");
    assert_eq!(
        figures["JPY"],
        json!({
            "total": { "amount": "0.00", "currency": "EUR" },
            "rates": [],
            "missing": { "total": { "amount": "1001", "currency": "JPY" }, "count": 1 },
        })
    );
}

#[tokio::test]
async fn groups_and_the_summary_are_converted_too_and_nothing_is_when_nothing_is_asked() {
    let world = world().await;
    rate(&world, "2026-01-01", "USD", "EUR", "2").await;
    let token = world.token(&[ONE]).await;
    let query = "{
      revenue(from: \"2026-02-01\", to: \"2026-03-31\", groupBy: [MONTH, OWNER], convertTo: \"EUR\") {
        currency total { minorUnits } converted { total { minorUnits } } }
      plain: revenue(from: \"2026-02-01\", to: \"2026-02-28\") { converted { total { amount } } }
      summary(from: \"2026-02-01\", to: \"2026-02-28\", convertTo: \"EUR\") { won { currency converted { total { amount } } } } }";
    let answer = world.data(&token, query, json!({})).await;
    let number = |value: &Value| {
        value["minorUnits"]
            .as_str()
            .unwrap()
            .parse::<i64>()
            .unwrap()
    };
    let mut dollars = 0;
    for row in answer["revenue"].as_array().unwrap() {
        if row["currency"] == "USD" {
            assert_eq!(
                number(&row["converted"]["total"]),
                2 * number(&row["total"])
            );
            dollars += number(&row["total"]);
        }
    }
    assert_eq!(dollars, 2_000);
    assert_eq!(answer["plain"][0]["converted"], Value::Null);
    let won = answer["summary"]["won"].as_array().unwrap();
    let won = won.iter().find(|row| row["currency"] == "USD").unwrap();
    assert_eq!(won["converted"]["total"]["amount"], "40.00");
    let (message, code) = world.refused(&token, QUERY, json!({ "to": "XQZ" })).await;
    assert!(message.contains("XQZ is no currency"), "{message}");
    assert_eq!(code, "BAD_USER_INPUT");
}
