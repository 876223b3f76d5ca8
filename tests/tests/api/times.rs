//! Revenue by day, week, month, quarter and year.

use crate::revenue::{revenue, won};
use crate::world::{ONE, OTHER, World};
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

#[tokio::test]
async fn fiscal_quarters_of_one_name_stand_together_whatever_their_days() {
    let world = World::new().await;
    for connection in [ONE, OTHER] {
        world.seed(connection, 1).await;
    }
    sqlx::query("update connection set fiscal_year_start = 4 where id = $1")
        .bind(OTHER)
        .execute(&world.pool)
        .await
        .unwrap();
    won(&world, ONE, 1, "2027-02-01", "USD", 10).await;
    won(&world, OTHER, 1, "2026-05-31", "USD", 5).await;
    let span = "from: \"2026-04-01\", to: \"2027-03-31\", groupBy: [FISCAL_QUARTER]";
    let both = world.token(&[ONE, OTHER]).await;
    assert_eq!(
        by(&world, &both, span).await,
        [
            "USD FY2026-Q2 Q2 FY2026 2026-04-01 2026-06-30 0x0",
            "USD FY2026-Q3 Q3 FY2026 2026-07-01 2026-09-30 0x0",
            "USD FY2026-Q4 Q4 FY2026 2026-10-01 2026-12-31 0x0",
            "USD FY2027-Q1 Q1 FY2027 2026-04-01 2027-03-31 2x15",
            "USD FY2027-Q2 Q2 FY2027 2026-07-01 2026-09-30 0x0",
            "USD FY2027-Q3 Q3 FY2027 2026-10-01 2026-12-31 0x0",
            "USD FY2027-Q4 Q4 FY2027 2027-01-01 2027-03-31 0x0",
        ]
    );
    let alone = world.token(&[OTHER]).await;
    assert_eq!(
        by(&world, &alone, span).await.first().unwrap(),
        "USD FY2027-Q1 Q1 FY2027 2026-04-01 2026-06-30 1x5"
    );
}
