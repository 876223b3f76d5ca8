//! Revenue by day, week, month, quarter and year.

use crate::revenue::{revenue, won};
use crate::world::{ONE, World};
use serde_json::Value;

/// A world with deals around a leap day, in two currencies.
async fn leap_days() -> World {
    let world = World::new().await;
    world.seed(ONE, 1).await;
    for (number, (on, currency, minor)) in [
        ("2024-02-29", "JPY", 500),
        ("2024-02-28", "USD", 1),
        ("2024-03-01", "USD", 20),
        ("2024-03-31", "USD", 300),
    ]
    .into_iter()
    .enumerate()
    {
        won(&world, ONE, number, on, currency, minor).await;
    }
    world
}

/// Each row as a text: currency, group, count and total.
async fn by(world: &World, token: &str, arguments: &str) -> Vec<String> {
    let fields = "currency group { key label from to } total { minorUnits } count";
    let rows = revenue(world, token, arguments, fields).await;
    let rows = rows.as_array().unwrap().iter().map(|row| {
        let word = |value: &Value| value.as_str().unwrap_or("-").to_owned();
        let group = &row["group"];
        format!(
            "{} {} {} {} {} {}x{}",
            word(&row["currency"]),
            word(&group["key"]),
            word(&group["label"]),
            word(&group["from"]),
            word(&group["to"]),
            row["count"],
            word(&row["total"]["minorUnits"]),
        )
    });
    rows.collect::<Vec<_>>()
}

#[tokio::test]
async fn times_without_revenue_are_zeros_in_each_currency_in_use() {
    let world = leap_days().await;
    let token = world.token(&[ONE]).await;
    assert_eq!(
        by(
            &world,
            &token,
            "from: \"2024-02-10\", to: \"2024-04-02\", groupBy: [MONTH]"
        )
        .await,
        [
            "JPY 2024-02 February 2024 2024-02-10 2024-02-29 1x500",
            "JPY 2024-03 March 2024 2024-03-01 2024-03-31 0x0",
            "JPY 2024-04 April 2024 2024-04-01 2024-04-02 0x0",
            "USD 2024-02 February 2024 2024-02-10 2024-02-29 1x1",
            "USD 2024-03 March 2024 2024-03-01 2024-03-31 2x320",
            "USD 2024-04 April 2024 2024-04-01 2024-04-02 0x0",
        ]
    );
    assert_eq!(
        by(
            &world,
            &token,
            "from: \"2024-02-28\", to: \"2024-03-04\", groupBy: [WEEK]"
        )
        .await,
        [
            "JPY 2024-W09 Week 9 2024 2024-02-28 2024-03-03 1x500",
            "JPY 2024-W10 Week 10 2024 2024-03-04 2024-03-04 0x0",
            "USD 2024-W09 Week 9 2024 2024-02-28 2024-03-03 2x21",
            "USD 2024-W10 Week 10 2024 2024-03-04 2024-03-04 0x0",
        ],
        "weeks start on Monday"
    );
    assert_eq!(
        by(
            &world,
            &token,
            "from: \"2024-02-28\", to: \"2024-03-01\", groupBy: [DAY]"
        )
        .await
        .len(),
        6,
        "2024 had a 29th of February"
    );
    assert_eq!(
        by(
            &world,
            &token,
            "from: \"2023-01-01\", to: \"2023-12-31\", groupBy: [YEAR]"
        )
        .await,
        ["USD 2023 2023 2023-01-01 2023-12-31 0x0"],
        "the connection's own currency is always there"
    );
}

#[tokio::test]
async fn fiscal_quarters_are_the_connection_s_and_others_are_not() {
    let world = leap_days().await;
    let token = world.token(&[ONE]).await;
    sqlx::query("update connection set fiscal_year_start = 3")
        .execute(&world.pool)
        .await
        .unwrap();
    assert_eq!(
        by(
            &world,
            &token,
            "from: \"2024-02-28\", to: \"2024-03-31\", groupBy: [FISCAL_QUARTER]"
        )
        .await,
        [
            "JPY FY2024-Q4 Q4 FY2024 2024-02-28 2024-02-29 1x500",
            "JPY FY2025-Q1 Q1 FY2025 2024-03-01 2024-03-31 0x0",
            "USD FY2024-Q4 Q4 FY2024 2024-02-28 2024-02-29 1x1",
            "USD FY2025-Q1 Q1 FY2025 2024-03-01 2024-03-31 2x320",
        ]
    );
    assert_eq!(
        by(
            &world,
            &token,
            "from: \"2024-02-28\", to: \"2024-03-31\", groupBy: [QUARTER]"
        )
        .await,
        [
            "JPY 2024-Q1 Q1 2024 2024-02-28 2024-03-31 1x500",
            "USD 2024-Q1 Q1 2024 2024-02-28 2024-03-31 3x321",
        ]
    );
}
