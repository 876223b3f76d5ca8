//! What is owed.

use crate::invoices::{Invoice, UNPAID, day};
use crate::world::{ONE, OTHER, World};
use chrono::{TimeDelta, Utc};
use serde_json::{Value, json};

const UNPAID_INVOICES: &str =
    include_str!("../../../web/graphiql/examples/unpaid-invoices.graphql");

/// Close id, payment status, status and balance of invoices on which nothing is owed.
const SETTLED: [(&str, &str, Option<&str>, Option<i64>); 4] = [
    ("custobj_paid", "paid", Some("paid"), Some(0)),
    ("custobj_over", "overpaid", Some("paid"), Some(-500)),
    ("custobj_void", "unknown", Some("void"), Some(10_000)),
    ("custobj_draft", "unknown", Some("draft"), Some(10_000)),
];

async fn owed_and_settled(world: &World) {
    let today = Utc::now().date_naive();
    let due = |days: i64| Some(today + TimeDelta::days(days));
    let half_paid = Invoice {
        close_id: "custobj_partial",
        company: Some("lead_1"),
        payment_status: "partial",
        due_on: due(-10),
        balance: Some(2_500),
        ..UNPAID
    };
    let yen = Invoice {
        close_id: "custobj_yen",
        due_on: due(0),
        currency: "JPY",
        places: 0,
        total: Some(1_000),
        balance: Some(1_000),
        ..UNPAID
    };
    world.invoice(ONE, UNPAID).await;
    world.invoice(ONE, half_paid).await;
    world.invoice(ONE, yen).await;
    for (close_id, payment_status, status, balance) in SETTLED {
        let invoice = Invoice {
            close_id,
            payment_status,
            status,
            balance,
            due_on: due(-3),
            ..UNPAID
        };
        world.invoice(ONE, invoice).await;
    }
    for payment in [
        (2, "2026-02-03", 5_000),
        (1, "2026-02-01", 3_000),
        (3, "2026-02-04", -500),
    ] {
        world.payment(ONE, half_paid, payment).await;
    }
}

#[tokio::test]
async fn unpaid_invoices_stand_by_due_date_with_what_is_left_to_pay() {
    let world = World::new().await;
    world.seed(ONE, 5).await;
    owed_and_settled(&world).await;
    let token = world.token(&[ONE]).await;
    let answer = world.data(&token, UNPAID_INVOICES, json!({})).await;
    let list = &answer["receivables"];
    assert_eq!(list["totalCount"], 3);
    assert_eq!(
        list["totals"],
        json!([{ "amount": "1000", "currency": "JPY" }, { "amount": "125.00", "currency": "USD" }])
    );
    let shown: Vec<_> = list["nodes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|node| {
            (
                node["number"].as_str().unwrap(),
                node["daysOverdue"].as_i64(),
            )
        })
        .collect();
    assert_eq!(
        shown,
        [
            ("custobj_partial", Some(10)),
            ("custobj_yen", Some(0)),
            ("custobj_1", None)
        ]
    );
    let partial = &list["nodes"][0];
    assert_eq!(partial["paymentStatus"], "PARTIAL");
    assert_eq!(partial["amountPaid"], json!({ "amount": "75.00" }));
    assert_eq!(partial["balanceDue"], json!({ "amount": "25.00" }));
    assert_eq!(partial["company"]["name"], "Company 1");
    let paid: Vec<_> = partial["payments"]
        .as_array()
        .unwrap()
        .iter()
        .map(|payment| payment["amount"]["amount"].clone())
        .collect();
    assert_eq!(
        paid,
        ["30.00", "50.00", "-5.00"],
        "the oldest payment stands first"
    );

    let all = "{ receivables { totals { amount currency } nodes { number daysOverdue } } }";
    let all = world.data(&token, all, json!({})).await;
    assert_eq!(
        all["receivables"]["totals"], list["totals"],
        "nothing is owed on others"
    );
    for node in all["receivables"]["nodes"].as_array().unwrap() {
        if SETTLED
            .iter()
            .any(|(close_id, ..)| node["number"] == *close_id)
        {
            assert_eq!(node["daysOverdue"], 0, "{node}");
        }
    }
}

#[tokio::test]
async fn an_invoice_is_overdue_by_the_days_of_its_connection() {
    let world = World::new().await;
    world.seed(ONE, 1).await;
    world.seed(OTHER, 1).await;
    // Between the two zones it is always two different days.
    let zones = "update connection set time_zone = case when id = $1 then 'Pacific/Kiritimati' else 'Etc/GMT+12' end";
    sqlx::query(zones)
        .bind(ONE)
        .execute(&world.pool)
        .await
        .unwrap();
    let due_on = Some(Utc::now().date_naive() - TimeDelta::days(30));
    for connection in [ONE, OTHER] {
        world
            .invoice(connection, Invoice { due_on, ..UNPAID })
            .await;
    }
    let query = "{ receivables { nodes { daysOverdue connection { timeZone } } } }";
    let token = world.token(&[ONE, OTHER]).await;
    let answer = world.data(&token, query, json!({})).await;
    let nodes = answer["receivables"]["nodes"].as_array().unwrap();
    let days = |zone: &str| {
        let node = nodes
            .iter()
            .find(|node| node["connection"]["timeZone"] == zone);
        node.unwrap()["daysOverdue"].as_i64().unwrap()
    };
    let between = days("Pacific/Kiritimati") - days("Etc/GMT+12");
    assert!((1..=2).contains(&between), "{between}");
}

#[tokio::test]
async fn a_company_shows_what_it_owes_and_how_fast_it_pays() {
    let world = World::new().await;
    world.seed(ONE, 3).await;
    let of = |close_id, payment_status, balance| Invoice {
        close_id,
        company: Some("lead_1"),
        payment_status,
        balance,
        ..UNPAID
    };
    let invoices = [
        Invoice {
            issued_on: Some(day("2024-02-01")),
            paid_on: Some(day("2024-03-01")),
            ..of("custobj_leap", "paid", Some(0))
        },
        Invoice {
            issued_on: Some(day("2026-02-01")),
            paid_on: Some(day("2026-02-02")),
            ..of("custobj_b", "overpaid", Some(-1))
        },
        Invoice {
            issued_on: Some(day("2026-02-01")),
            paid_on: Some(day("2026-02-02")),
            ..of("custobj_c", "overpaid", Some(-1))
        },
        Invoice {
            paid_on: Some(day("2026-02-02")),
            ..of("custobj_d", "paid", Some(0))
        },
        Invoice {
            issued_on: Some(day("2026-01-01")),
            paid_on: Some(day("2026-02-02")),
            ..of("custobj_e", "partial", Some(7))
        },
        Invoice {
            currency: "EUR",
            ..of("custobj_f", "unpaid", Some(9))
        },
        of("custobj_g", "unknown", Some(1_000)),
    ];
    for invoice in invoices {
        world.invoice(ONE, invoice).await;
    }
    let token = world.token(&[ONE]).await;
    let query = "{ companies(orderBy: [{ field: NAME }]) { nodes {
        averageDaysToPay outstandingBalance { minorUnits currency } receivables { totalCount totals { minorUnits } } } } }";
    let answer = world.data(&token, query, json!({})).await;
    let nodes = &answer["companies"]["nodes"];
    assert_eq!(
        nodes[0],
        json!({
            "averageDaysToPay": "10.33",
            "outstandingBalance": [{ "minorUnits": "9", "currency": "EUR" }, { "minorUnits": "7", "currency": "USD" }],
            "receivables": { "totalCount": 7, "totals": [{ "minorUnits": "9" }, { "minorUnits": "7" }] },
        }),
        "29, 1 and 1 days"
    );
    assert_eq!(nodes[1]["averageDaysToPay"], Value::Null);
    assert_eq!(nodes[1]["outstandingBalance"], json!([]));
}
