//! Each operator of each kind of column, beside what Rust says of the same rows.

use crate::world::{ONE, World};
use serde_json::{Value, json};
use std::cmp::Ordering;

/// A list, the field that shows a column, and the filter of that column.
struct Column<'a> {
    list: &'a str,
    shown: &'a str,
    filter: &'a str,
    /// Values to compare with; the rows have some of them.
    values: [Value; 3],
}

type Holds = fn(&Value, &Value) -> bool;

/// What an operator means. A comparison with what is not there does not hold.
const OPERATORS: [(&str, Holds); 6] = [
    ("eq", |row, value| row == value),
    ("ne", |row, value| row != value),
    ("lt", |row, value| order(row, value) == Some(Ordering::Less)),
    ("lte", |row, value| {
        matches!(order(row, value), Some(Ordering::Less | Ordering::Equal))
    }),
    ("gt", |row, value| {
        order(row, value) == Some(Ordering::Greater)
    }),
    ("gte", |row, value| {
        matches!(order(row, value), Some(Ordering::Greater | Ordering::Equal))
    }),
];

type Matches = fn(&str, &str) -> bool;

const LIKE: [(&str, Matches); 3] = [
    ("contains", |row, part| row.contains(part)),
    ("startsWith", |row, part| row.starts_with(part)),
    ("endsWith", |row, part| row.ends_with(part)),
];

fn order(row: &Value, value: &Value) -> Option<Ordering> {
    if let (Some(row), Some(value)) = (number(row), number(value)) {
        return Some(row.cmp(&value));
    }
    Some(row.as_str()?.cmp(value.as_str()?))
}

fn number(value: &Value) -> Option<i64> {
    value.as_i64().or_else(|| value.as_str()?.parse().ok())
}

struct Rows<'a> {
    world: &'a World,
    token: &'a str,
    column: &'a Column<'a>,
    all: Vec<(Value, Value)>,
}

impl<'a> Rows<'a> {
    async fn of(world: &'a World, token: &'a str, column: &'a Column<'a>) -> Self {
        let Column { list, shown, .. } = column;
        let query = format!("{{ {list}(first: 500) {{ nodes {{ id {shown} }} }} }}");
        let answer = world.data(token, &query, json!({})).await;
        let nodes = answer[list].as_array().cloned();
        let nodes = nodes.unwrap_or_else(|| answer[list]["nodes"].as_array().unwrap().clone());
        let all = nodes
            .iter()
            .map(|node| {
                (
                    node["id"].clone(),
                    node.pointer(&pointer(shown))
                        .unwrap_or(&Value::Null)
                        .clone(),
                )
            })
            .collect();
        Self {
            world,
            token,
            column,
            all,
        }
    }

    async fn found(&self, condition: Value) -> Vec<Value> {
        let Column { list, filter, .. } = self.column;
        let kind = match *list {
            "companies" => "CompanyFilter",
            "people" => "PersonFilter",
            "opportunities" => "OpportunityFilter",
            "receivables" => "ReceivableFilter",
            _ => "TransactionFilter",
        };
        let query = format!(
            "query ($f: {kind}) {{ {list}(first: 500, filter: $f) {{ nodes {{ id }} totalCount }} }}"
        );
        let answer = self
            .world
            .data(self.token, &query, json!({ "f": { *filter: condition } }))
            .await;
        let nodes = answer[list]["nodes"].as_array().unwrap();
        assert_eq!(answer[list]["totalCount"], nodes.len());
        nodes.iter().map(|node| node["id"].clone()).collect()
    }

    async fn check(&self, condition: Value, holds: impl Fn(&Value) -> bool) {
        let expected: Vec<_> = self
            .all
            .iter()
            .filter(|(_, value)| holds(value))
            .map(|(id, _)| id.clone())
            .collect();
        let found = self.found(condition.clone()).await;
        assert_eq!(found, expected, "{}: {condition}", self.column.filter);
    }
}

/// `value { minorUnits }` stands at /value/minorUnits.
fn pointer(shown: &str) -> String {
    let names = shown.split(|c: char| !c.is_alphanumeric());
    names
        .filter(|name| !name.is_empty())
        .map(|name| format!("/{name}"))
        .collect()
}

fn column(
    list: &'static str,
    shown: &'static str,
    filter: &'static str,
    values: [Value; 3],
) -> Column<'static> {
    Column {
        list,
        shown,
        filter,
        values,
    }
}

fn columns_of_invoices() -> Vec<Column<'static>> {
    vec![
        column(
            "receivables",
            "number",
            "number",
            [json!("INV-7"), json!("INV-31"), json!("")],
        ),
        column(
            "receivables",
            "dueOn",
            "dueOn",
            [
                json!("2025-02-12"),
                json!("2025-03-01"),
                json!("1999-12-31"),
            ],
        ),
        column(
            "receivables",
            "balanceDue { minorUnits }",
            "balanceDueMinor",
            [json!("3000"), json!("0"), json!("-5")],
        ),
    ]
}

fn columns() -> Vec<Column<'static>> {
    vec![
        column(
            "companies",
            "name",
            "name",
            [json!("Company 7"), json!("Company 31"), json!("none")],
        ),
        column(
            "companies",
            "domain",
            "domain",
            [json!("c12.example"), json!("c3.example"), json!("")],
        ),
        column(
            "companies",
            "updatedAt",
            "updatedAt",
            [
                json!("2026-01-01T00:07:00+00:00"),
                json!("2026-01-01T00:20:00+00:00"),
                json!("2020-01-01T00:00:00+00:00"),
            ],
        ),
        column(
            "companies",
            "createdAt",
            "createdAt",
            [
                json!("2025-01-01T03:00:00+00:00"),
                json!("2025-01-01T10:00:00+00:00"),
                json!("2030-01-01T00:00:00+00:00"),
            ],
        ),
        column(
            "opportunities",
            "expectedOn",
            "expectedOn",
            [
                json!("2026-01-12"),
                json!("2026-03-01"),
                json!("1999-12-31"),
            ],
        ),
        column(
            "opportunities",
            "confidence",
            "confidence",
            [json!(10), json!(77), json!(-1)],
        ),
        column(
            "opportunities",
            "value { minorUnits }",
            "valueMinor",
            [json!("3000"), json!("19000"), json!("9223372036854775807")],
        ),
        column(
            "transactions",
            "amount { minorUnits }",
            "amountMinor",
            [json!("3000"), json!("0"), json!("-5")],
        ),
        column(
            "transactions",
            "occurredOn",
            "occurredOn",
            [
                json!("2026-01-12"),
                json!("2026-03-01"),
                json!("1999-12-31"),
            ],
        ),
    ]
}

#[tokio::test]
async fn each_operator_finds_what_it_says() {
    let world = World::new().await;
    world.seed(ONE, 150).await;
    world.seed_invoices(ONE, 150).await;
    let token = world.token(&[ONE]).await;
    for column in columns().iter().chain(&columns_of_invoices()) {
        let rows = Rows::of(&world, &token, column).await;
        assert!(
            rows.all.iter().any(|(_, value)| !value.is_null()),
            "{}",
            column.filter
        );
        for value in &column.values {
            for (operator, holds) in OPERATORS {
                rows.check(json!({ operator: value }), |row| holds(row, value))
                    .await;
            }
        }
        let some = &column.values[..2];
        rows.check(json!({ "in": some }), |row| some.contains(row))
            .await;
        rows.check(json!({ "notIn": some }), |row| !some.contains(row))
            .await;
        rows.check(json!({ "in": [] }), |_| false).await;
        rows.check(json!({ "notIn": [] }), |_| true).await;
        rows.check(json!({ "isNull": true }), Value::is_null).await;
        rows.check(json!({ "isNull": false }), |row| !row.is_null())
            .await;
        rows.check(json!({ "gte": some[0], "lt": some[1] }), |row| {
            OPERATORS[5].1(row, &some[0]) && OPERATORS[2].1(row, &some[1])
        })
        .await;
    }
}

#[tokio::test]
async fn parts_of_texts_are_found_in_any_case_and_wildcards_are_letters() {
    let world = World::new().await;
    world.seed(ONE, 150).await;
    let token = world.token(&[ONE]).await;
    let column = Column {
        list: "companies",
        shown: "status { label }",
        filter: "statusLabel",
        values: [json!(""), json!(""), json!("")],
    };
    let rows = Rows::of(&world, &token, &column).await;
    for part in [
        "Custom",
        "custOMER",
        "d_F",
        "%",
        "_",
        "t%",
        "\\",
        "",
        "Potential",
        "l",
    ] {
        for (operator, holds) in LIKE {
            rows.check(json!({ operator: part }), |row| {
                row.as_str()
                    .is_some_and(|row| holds(&row.to_lowercase(), &part.to_lowercase()))
            })
            .await;
        }
    }
}

#[tokio::test]
async fn words_and_conditions_combine() {
    let world = World::new().await;
    world.seed(ONE, 90).await;
    let token = world.token(&[ONE]).await;
    let count = async |list: &str, filter: &str| {
        let query = format!("{{ {list}(filter: {filter}) {{ totalCount }} }}");
        world.data(&token, &query, json!({})).await[list]["totalCount"]
            .as_i64()
            .unwrap()
    };
    let deals = async |filter: &str| count("opportunities", filter).await;
    assert_eq!(deals("{ status: { eq: WON } }").await, 30);
    assert_eq!(deals("{ status: { ne: WON } }").await, 60);
    assert_eq!(deals("{ status: { in: [WON, LOST] } }").await, 60);
    assert_eq!(deals("{ status: { notIn: [WON, LOST] } }").await, 30);
    assert_eq!(deals("{ status: { in: [] } }").await, 0);
    assert_eq!(
        deals("{ or: [{ status: { eq: WON } }, { status: { eq: LOST } }] }").await,
        60
    );
    assert_eq!(
        deals("{ and: [{ status: { eq: WON } }, { status: { eq: LOST } }] }").await,
        0
    );
    assert_eq!(deals("{ not: { status: { eq: WON } } }").await, 60);
    assert_eq!(deals("{ or: [] }").await, 0);
    assert_eq!(deals("{}").await, 90);
    // Not holding includes not being known.
    let unnamed = count("companies", "{ name: { isNull: true } }").await;
    let named = count("companies", "{ name: { eq: \"Company 7\" } }").await;
    assert!(unnamed > 0 && named > 0);
    assert_eq!(
        count("companies", "{ not: { name: { eq: \"Company 7\" } } }").await,
        90 - named
    );
    // Deals hang on forty companies; all of them, or none.
    assert_eq!(
        count("companies", "{ opportunities: { some: {} } }").await,
        40
    );
    assert_eq!(
        count("companies", "{ opportunities: { none: {} } }").await,
        50
    );
    let every = count(
        "companies",
        "{ opportunities: { every: { status: { eq: WON } } } }",
    )
    .await;
    let mixed = count(
        "companies",
        "{ opportunities: { some: { not: { status: { eq: WON } } } } }",
    )
    .await;
    assert_eq!(every, 90 - mixed);
    world.seed_invoices(ONE, 90).await;
    let invoices = async |filter: &str| count("receivables", filter).await;
    assert_eq!(invoices("{ status: { eq: ISSUED } }").await, 18);
    assert_eq!(
        invoices("{ status: { ne: ISSUED } }").await,
        72,
        "what is of no known status is not issued"
    );
    assert_eq!(invoices("{ status: { notIn: [ISSUED, PAID] } }").await, 54);
    assert_eq!(invoices("{ status: { isNull: true } }").await, 18);
    assert_eq!(invoices("{ paymentStatus: { ne: UNKNOWN } }").await, 54);
    let paid = "{ payments: { some: { amountMinor: { gt: \"0\" } } } }";
    assert_eq!(
        invoices(paid).await,
        invoices("{ amountPaidMinor: { gt: \"0\" } }").await
    );
    assert_eq!(
        count("companies", "{ receivables: { none: {} } }").await,
        50
    );
    assert_eq!(
        count("people", "{ company: { closeId: { eq: \"lead_4\" } } }").await,
        2
    );
}

#[tokio::test]
async fn a_null_is_no_condition() {
    let world = World::new().await;
    world.seed(ONE, 5).await;
    let token = world.token(&[ONE]).await;
    let query = "query ($name: String) { companies(filter: { or: [{ name: { eq: $name } }] }) { totalCount } }";
    for variables in [json!({ "name": null }), json!({})] {
        let (message, code) = world.refused(&token, query, variables).await;
        assert!(message.contains("filter.or.name.eq is null"), "{message}");
        assert_eq!(code, "BAD_USER_INPUT");
    }
    let whole = "query ($f: CompanyFilter) { companies(filter: $f) { totalCount } }";
    let answer = world.data(&token, whole, json!({ "f": null })).await;
    assert_eq!(
        answer["companies"]["totalCount"], 5,
        "no filter at all is no mistake"
    );
    let huge =
        "{ opportunities(filter: { valueMinor: { eq: \"9223372036854775808\" } }) { totalCount } }";
    let (message, _) = world.refused(&token, huge, json!({})).await;
    assert!(message.contains("no integer of 64 bits"), "{message}");
}
