//! A period in one answer.

use crate::invoices::{Invoice, UNPAID, day};
use crate::world::{ONE, OTHER, World};
use chrono::{TimeDelta, Utc};
use closegraph_entity::record::record_id;
use serde_json::{Value, json};

const THIS_MONTH: &str =
    include_str!("../../../web/graphiql/examples/summarise-this-month.graphql");

#[tokio::test]
async fn a_summary_says_what_lists_and_revenue_say() {
    let world = World::new().await;
    world.seed(ONE, 120).await;
    world.seed_invoices(ONE, 120).await;
    sqlx::query(
        "update company set source_created_at = now() where close_id in ('lead_4', 'lead_5')",
    )
    .execute(&world.pool)
    .await
    .unwrap();
    sqlx::query("update receivable set issued_on = current_date where close_id < 'custobj_3'")
        .execute(&world.pool)
        .await
        .unwrap();
    let token = world.token(&[ONE]).await;
    let summary = world.data(&token, THIS_MONTH, json!({})).await["summary"].clone();
    let lists = "{
      companies(filter: { createdAt: { period: THIS_MONTH } }) { totalCount }
      people(filter: { createdAt: { period: THIS_MONTH } }) { totalCount }
      won: revenue(period: THIS_MONTH) { currency total { amount } count previous { total { amount } count change } }
      collected: revenue(period: THIS_MONTH, basis: COLLECTED) { currency total { amount } count }
      invoiced: receivables(filter: { issuedOn: { period: THIS_MONTH }, status: { notIn: [DRAFT, VOID] } }) { totalCount }
      owed: receivables(filter: { paymentStatus: { in: [UNPAID, PARTIAL] } }) { totalCount totals { amount currency } }
      aging: receivablesAging { bucket count }
      top: revenue(period: THIS_MONTH, groupBy: [COMPANY], first: 5) { currency group { label } total { amount } } }";
    let lists = world.data(&token, lists, json!({})).await;
    assert_eq!(summary["newCompanies"], 2);
    assert_eq!(summary["newCompanies"], lists["companies"]["totalCount"]);
    assert_eq!(summary["newPeople"], lists["people"]["totalCount"]);
    assert_eq!(summary["won"], lists["won"]);
    assert_eq!(summary["collected"], lists["collected"]);
    let counted = |rows: &Value, key: &str| -> i64 {
        rows.as_array()
            .unwrap()
            .iter()
            .map(|row| row[key].as_i64().unwrap())
            .sum()
    };
    assert!(counted(&summary["invoiced"], "count") > 0);
    assert_eq!(
        lists["invoiced"]["totalCount"],
        counted(&summary["invoiced"], "count")
    );
    assert_eq!(
        lists["owed"]["totalCount"],
        counted(&summary["outstanding"], "count")
    );
    let balances: Vec<Value> = summary["outstanding"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| json!({ "amount": row["balanceDue"]["amount"], "currency": row["currency"] }))
        .collect();
    assert_eq!(lists["owed"]["totals"], json!(balances));
    let overdue = lists["aging"].as_array().unwrap().iter();
    let overdue = overdue.filter(|row| row["bucket"] != "CURRENT");
    let overdue: i64 = overdue.map(|row| row["count"].as_i64().unwrap()).sum();
    assert_eq!(overdue, counted(&summary["outstanding"], "overdueCount"));
    // A company of whose deals no value is known is in revenue, and at no place among the best.
    let known = |row: &&Value| row["total"]["amount"] != "0.00";
    let top: Vec<Value> = lists["top"]
        .as_array()
        .unwrap()
        .iter()
        .filter(known)
        .map(|row| {
            json!({ "company": { "name": row["group"]["label"] },
                    "total": { "amount": row["total"]["amount"], "currency": row["currency"] } })
        })
        .collect();
    let best = summary["topCompanies"].as_array().unwrap();
    assert_eq!(
        best.iter().filter(known).collect::<Vec<_>>(),
        top.iter().collect::<Vec<_>>()
    );
    let today = Utc::now().date_naive();
    assert!(day(summary["period"]["from"].as_str().unwrap()) <= today);
    assert!(day(summary["period"]["to"].as_str().unwrap()) >= today);
}

#[tokio::test]
async fn days_begin_in_the_zone_of_each_connection() {
    let world = World::new().await;
    for connection in [ONE, OTHER] {
        world.seed(connection, 4).await;
    }
    let zones = "update connection set time_zone = case when id = $1 then 'Asia/Tokyo' else 'America/New_York' end";
    sqlx::query(zones)
        .bind(ONE)
        .execute(&world.pool)
        .await
        .unwrap();
    // On the leap day in Tokyo, and still on the eve of it in New York.
    sqlx::query("update company set source_created_at = timestamptz '2024-02-29 04:59:59Z'")
        .execute(&world.pool)
        .await
        .unwrap();
    sqlx::query("update person set source_created_at = timestamptz '2024-02-29 15:00:00Z'")
        .execute(&world.pool)
        .await
        .unwrap();
    let both = world.token(&[ONE, OTHER]).await;
    let query = "{ summary(from: \"2024-02-29\", to: \"2024-02-29\") { newCompanies newPeople period { from to } } }";
    let leap_day = world.data(&both, query, json!({})).await;
    assert_eq!(
        leap_day["summary"],
        json!({ "newCompanies": 4, "newPeople": 8, "period": { "from": "2024-02-29", "to": "2024-02-29" } }),
        "companies of Tokyo, people of New York"
    );
    let none = world.token(&[]).await;
    let nothing = world.data(&none, THIS_MONTH, json!({})).await;
    assert_eq!(
        nothing["summary"],
        json!({ "period": null, "newCompanies": 0, "newPeople": 0, "won": [], "collected": [], "invoiced": [],
                "outstanding": [], "topCompanies": [] })
    );
}

#[tokio::test]
async fn drafts_and_void_invoices_are_not_invoiced_and_currencies_stay_apart() {
    let world = World::new().await;
    world.seed(ONE, 2).await;
    let issued_on = Some(day("2026-02-28"));
    let yesterday = Utc::now().date_naive() - TimeDelta::days(1);
    let of = |close_id, status| Invoice {
        close_id,
        status,
        issued_on,
        ..UNPAID
    };
    let invoices = [
        of("custobj_1", Some("issued")),
        of("custobj_2", None),
        Invoice {
            total: None,
            balance: None,
            payment_status: "unknown",
            ..of("custobj_3", Some("issued"))
        },
        Invoice {
            payment_status: "unknown",
            ..of("custobj_4", Some("draft"))
        },
        Invoice {
            payment_status: "unknown",
            ..of("custobj_5", Some("void"))
        },
        Invoice {
            currency: "JPY",
            places: 0,
            due_on: Some(yesterday),
            ..of("custobj_6", Some("issued"))
        },
        Invoice {
            issued_on: Some(day("2026-03-01")),
            ..of("custobj_7", Some("issued"))
        },
    ];
    for invoice in invoices {
        world.invoice(ONE, invoice).await;
    }
    let token = world.token(&[ONE]).await;
    let query = "{ summary(from: \"2026-02-01\", to: \"2026-02-28\") {
        invoiced { currency total { amount } count unknownCount }
        outstanding { currency balanceDue { amount } count overdueCount } } }";
    let answer = world.data(&token, query, json!({})).await;
    assert_eq!(
        answer["summary"],
        json!({
            "invoiced": [
                { "currency": "JPY", "total": { "amount": "10000" }, "count": 1, "unknownCount": 0 },
                { "currency": "USD", "total": { "amount": "200.00" }, "count": 3, "unknownCount": 1 },
            ],
            "outstanding": [
                { "currency": "JPY", "balanceDue": { "amount": "10000" }, "count": 1, "overdueCount": 1 },
                { "currency": "USD", "balanceDue": { "amount": "300.00" }, "count": 3, "overdueCount": 0 },
            ],
        })
    );
}

#[tokio::test]
async fn top_companies_are_asked_for_in_different_numbers_and_with_all_that_hangs_on_them() {
    let world = World::new().await;
    world.seed(ONE, 90).await;
    sqlx::query("update transaction set occurred_on = '2026-02-03', currency = 'USD'")
        .execute(&world.pool)
        .await
        .unwrap();
    // Of the best company nothing is known but its id.
    let best =
        "update transaction set amount_minor = 9000000, company_id = $1 where close_id = 'oppo_3'";
    sqlx::query(best)
        .bind(record_id(ONE, "lead_unknown"))
        .execute(&world.pool)
        .await
        .unwrap();
    let token = world.token(&[ONE]).await;
    let query = "{ summary(from: \"2026-02-01\", to: \"2026-02-28\") {
        one: topCompanies(first: 1) { company { id } total { minorUnits } }
        two: topCompanies(first: 2) { company { closeId people(first: 1) { totalCount } } }
        all: topCompanies(first: 500) { total { minorUnits } }
        topCompanies { total { currency } } none: topCompanies(first: 0) { company { id } } } }";
    let summary = world.data(&token, query, json!({})).await["summary"].clone();
    assert_eq!(
        summary["one"],
        json!([{ "company": null, "total": { "minorUnits": "9000000" } }])
    );
    assert_eq!(summary["two"].as_array().unwrap().len(), 2);
    assert_eq!(summary["two"][1]["company"]["people"]["totalCount"], 2);
    assert_eq!(summary["topCompanies"].as_array().unwrap().len(), 5);
    assert_eq!(summary["none"], json!([]));
    let totals: Vec<i64> = summary["all"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| {
            row["total"]["minorUnits"]
                .as_str()
                .unwrap()
                .parse()
                .unwrap()
        })
        .collect();
    assert!(
        totals.is_sorted_by(|left, right| left >= right),
        "{totals:?}"
    );
    for (arguments, says) in [("first: 501", "at most 500"), ("first: -1", "0 or more")] {
        let query = format!(
            "{{ summary(period: TODAY) {{ topCompanies({arguments}) {{ total {{ amount }} }} }} }}"
        );
        let (message, _) = world.refused(&token, &query, json!({})).await;
        assert!(message.contains(says), "{message}");
    }
}
