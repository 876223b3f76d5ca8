//! Custom fields by the names that people know them by, and other values inside a record.

use crate::world::{ONE, OTHER, World};
use serde_json::{Value, json};
use uuid::Uuid;

/// What two companies have in their custom fields; the others have none.
const VALUES: [(&str, &str); 3] = [
    (
        "lead_1",
        r#"{"cf_industry": "Software", "cf_seats": 12.5, "cf_renewal": "2026-03-31", "cf_tags": ["new", "big"]}"#,
    ),
    (
        "lead_2",
        r#"{"cf_industry": "Steel 100%", "cf_seats": 3, "cf_renewal": "2026-02-31", "cf_tags": ["big"]}"#,
    ),
    (
        "lead_3",
        r#"{"cf_industry": "software", "cf_renewal": "soon", "cf_met": "2026-05-01T10:00:00+00:00"}"#,
    ),
];

async fn define(world: &World, connection: Uuid, table: &str, fields: &[(&str, &str, &str)]) {
    for (id, name, kind) in fields {
        sqlx::query(
            "insert into custom_field (connection_id, record_type, close_id, name, type, accepts_multiple_values, position)
             values ($1, $2, $3, $4, $5, false, 1)",
        )
        .bind(connection)
        .bind(table)
        .bind(id)
        .bind(name)
        .bind(kind)
        .execute(&world.pool)
        .await
        .unwrap();
    }
}

const FIELDS: [(&str, &str, &str); 5] = [
    ("cf_industry", "Industry", "choices"),
    ("cf_seats", "Seats", "number"),
    ("cf_renewal", "Renewal", "date"),
    ("cf_tags", "Tags", "choices"),
    ("cf_met", "First met", "datetime"),
];

async fn world() -> World {
    let world = World::new().await;
    world.seed(ONE, 5).await;
    define(&world, ONE, "company", &FIELDS).await;
    for (close_id, custom) in VALUES {
        sqlx::query("update company set custom = $2::text::jsonb where close_id = $1")
            .bind(close_id)
            .bind(custom)
            .execute(&world.pool)
            .await
            .unwrap();
    }
    world
}

const LIST: &str =
    "query ($filter: CompanyFilter) { companies(filter: $filter) { nodes { closeId } } }";

/// Numbers in the Close ids of what a filter of companies finds.
async fn found(world: &World, token: &str, filter: Value) -> Vec<String> {
    let answer = world.data(token, LIST, json!({ "filter": filter })).await;
    let mut found: Vec<String> = answer["companies"]["nodes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|node| node["closeId"].as_str().unwrap().replace("lead_", ""))
        .collect();
    found.sort();
    found
}

/// Conditions on texts and choices, with the companies that they find.
fn texts() -> Vec<(Value, &'static [&'static str])> {
    vec![
        (
            json!({ "name": "Industry", "text": { "eq": "Software" } }),
            &["1"],
        ),
        (
            json!({ "id": "cf_industry", "text": { "eq": "Software" } }),
            &["1"],
        ),
        (
            json!({ "name": "Industry", "text": { "ne": "Software" } }),
            &["2", "3", "4", "5"],
        ),
        (
            json!({ "name": "Industry", "text": { "in": ["Software", "software"] } }),
            &["1", "3"],
        ),
        (
            json!({ "name": "Industry", "text": { "notIn": ["Software"] } }),
            &["2", "3", "4", "5"],
        ),
        (
            json!({ "name": "Industry", "text": { "contains": "SOFT" } }),
            &["1", "3"],
        ),
        (
            json!({ "name": "Industry", "text": { "endsWith": "0%" } }),
            &["2"],
        ),
        (
            json!({ "name": "Industry", "text": { "isNull": true } }),
            &["4", "5"],
        ),
        (
            json!({ "name": "Industry", "text": { "isNull": false } }),
            &["1", "2", "3"],
        ),
        (json!({ "name": "Tags", "text": { "eq": "new" } }), &["1"]),
        (
            json!({ "name": "Tags", "text": { "eq": "big" } }),
            &["1", "2"],
        ),
        (
            json!({ "name": "Tags", "text": { "ne": "new" } }),
            &["2", "3", "4", "5"],
        ),
        (
            json!({ "name": "Tags", "text": { "startsWith": "N" } }),
            &["1"],
        ),
    ]
}

/// Conditions on numbers and days, and several at once.
fn others() -> Vec<(Value, &'static [&'static str])> {
    vec![
        (
            json!({ "name": "Seats", "number": { "eq": "12.50" } }),
            &["1"],
        ),
        (
            json!({ "name": "Seats", "number": { "gte": "3", "lt": 12 } }),
            &["2"],
        ),
        (
            json!({ "name": "Seats", "number": { "in": ["3", "4"] } }),
            &["2"],
        ),
        (
            json!({ "name": "Seats", "number": { "isNull": true } }),
            &["3", "4", "5"],
        ),
        (
            json!({ "name": "Renewal", "date": { "eq": "2026-03-31" } }),
            &["1"],
        ),
        (
            json!({ "name": "Renewal", "date": { "gte": "2026-03-01" } }),
            &["1", "2"],
        ),
        (
            json!({ "name": "First met", "date": { "lte": "2026-05-01", "gt": "2026-04-30" } }),
            &["3"],
        ),
        (
            json!([{ "name": "Tags", "text": { "eq": "big" } }, { "name": "Seats", "number": { "lt": 5 } }]),
            &["2"],
        ),
        (json!([]), &["1", "2", "3", "4", "5"]),
    ]
}

#[tokio::test]
async fn records_are_found_by_their_custom_fields() {
    let world = world().await;
    let token = world.token(&[ONE]).await;
    for (fields, expected) in texts().into_iter().chain(others()) {
        let found = found(&world, &token, json!({ "customFields": fields })).await;
        assert_eq!(found, expected, "{fields}");
    }
    // In the document itself one filter stands for a list of one, below another record as well.
    let query = "{ people(filter: { company: { customFields: { name: \"Industry\", text: { eq: \"Software\" } } } }) { totalCount } }";
    let people = world.data(&token, query, json!({})).await;
    assert_eq!(people["people"]["totalCount"], 2);
    let query = "{ companies(filter: { not: { customFields: { name: \"Seats\", number: { gt: 0 } } } }) { totalCount } }";
    let others = world.data(&token, query, json!({})).await;
    assert_eq!(others["companies"]["totalCount"], 3);
}

#[tokio::test]
async fn a_custom_field_that_is_not_there_is_an_error_which_names_those_that_are() {
    let world = world().await;
    world.seed(OTHER, 5).await;
    define(
        &world,
        OTHER,
        "company",
        &[("cf_other", "Their secret", "text")],
    )
    .await;
    define(
        &world,
        OTHER,
        "company",
        &[("cf_theirs", "Industry", "text")],
    )
    .await;
    sqlx::query("update company set custom = '{\"cf_theirs\": \"Software\"}' where connection_id = $1 and close_id = 'lead_4'")
        .bind(OTHER)
        .execute(&world.pool)
        .await
        .unwrap();
    let token = world.token(&[ONE]).await;
    for (field, says) in [
        (
            json!({ "name": "Industri", "text": { "eq": "x" } }),
            "Company has no custom field \"Industri\"; it has First met, Industry, Renewal, Seats, Tags",
        ),
        (
            json!({ "name": "Their secret", "text": { "eq": "x" } }),
            "no custom field",
        ),
        (
            json!({ "name": "Seats", "text": { "eq": "x" } }),
            "of type number",
        ),
        (
            json!({ "name": "Industry", "date": { "eq": "2026-01-01" } }),
            "of type choices",
        ),
        (json!({ "name": "Industry" }), "by text, number or date"),
        (
            json!({ "text": { "eq": "x" } }),
            "either the name or the id",
        ),
        (
            json!({ "name": "Industry", "text": { "eq": null } }),
            "is null",
        ),
    ] {
        let variables = json!({ "filter": { "customFields": field } });
        let (message, code) = world.refused(&token, LIST, variables).await;
        assert!(message.contains(says), "{message}");
        assert!(!message.contains("secret\","), "{message}");
        assert_eq!(code, "BAD_USER_INPUT");
    }
    // Of two organizations, a name means the field of each.
    let software = json!({ "customFields": { "name": "Industry", "text": { "eq": "Software" } } });
    let both = world.token(&[ONE, OTHER]).await;
    assert_eq!(found(&world, &both, software.clone()).await, ["1", "4"]);
    assert_eq!(found(&world, &token, software.clone()).await, ["1"]);
    let nobody = world.token(&[]).await;
    assert_eq!(found(&world, &nobody, software).await, Vec::<String>::new());
}

#[tokio::test]
async fn records_are_found_by_any_of_their_addresses() {
    let world = world().await;
    let address = "update company set addresses = '[{\"city\": \"Bremen\", \"country\": \"DE\"}, {\"city\": \"Lyon\", \"country\": \"FR\"}]' where close_id = 'lead_2'";
    let emails = "update person set emails = '[{\"type\": \"office\", \"email\": \"A.B@x.example\"}, {\"type\": \"home\", \"email\": \"ab@home.example\"}]',
        phones = '[{\"type\": \"office\", \"number\": \"+4930123\"}]' where close_id = 'cont_3'";
    for statement in [address, emails] {
        sqlx::query(statement).execute(&world.pool).await.unwrap();
    }
    let token = world.token(&[ONE]).await;
    for (filter, expected) in [
        (json!({ "country": { "eq": "FR" } }), vec!["2"]),
        (json!({ "city": { "startsWith": "bre" } }), vec!["2"]),
        (
            json!({ "country": { "ne": "FR" } }),
            vec!["1", "3", "4", "5"],
        ),
        (
            json!({ "country": { "isNull": true } }),
            vec!["1", "3", "4", "5"],
        ),
        (json!({ "url": { "contains": "c2." } }), vec!["2"]),
    ] {
        assert_eq!(
            found(&world, &token, filter.clone()).await,
            expected,
            "{filter}"
        );
    }
    let list = "query ($filter: PersonFilter) { people(filter: $filter) { nodes { closeId } } }";
    for (filter, expected) in [
        (
            json!({ "email": { "eq": "ab@home.example" } }),
            json!([{ "closeId": "cont_3" }]),
        ),
        (json!({ "email": { "eq": "a.b@x.example" } }), json!([])),
        (
            json!({ "email": { "eq": "A.B@x.example" } }),
            json!([{ "closeId": "cont_3" }]),
        ),
        (json!({ "email": { "eq": "a\"b" } }), json!([])),
        (
            json!({ "phone": { "eq": "+4930123" } }),
            json!([{ "closeId": "cont_3" }]),
        ),
        (
            json!({ "email": { "endsWith": "HOME.example" }, "title": { "isNull": true } }),
            json!([{ "closeId": "cont_3" }]),
        ),
    ] {
        let answer = world.data(&token, list, json!({ "filter": filter })).await;
        assert_eq!(answer["people"]["nodes"], expected, "{filter}");
    }
}

#[tokio::test]
async fn revenue_is_grouped_by_a_custom_field() {
    let world = World::new().await;
    world.seed(ONE, 9).await;
    define(
        &world,
        ONE,
        "opportunity",
        &[("cf_line", "Product line", "choices")],
    )
    .await;
    sqlx::query(
        "update transaction set occurred_on = '2026-02-03', currency = 'USD', amount_minor = 1000",
    )
    .execute(&world.pool)
    .await
    .unwrap();
    for (close_id, custom) in [
        ("oppo_3", r#"{"cf_line": "Cloud"}"#),
        ("oppo_6", r#"{"cf_line": ["A", "B"]}"#),
    ] {
        sqlx::query("update transaction set custom = $2::text::jsonb where close_id = $1")
            .bind(close_id)
            .bind(custom)
            .execute(&world.pool)
            .await
            .unwrap();
    }
    let token = world.token(&[ONE]).await;
    let query = "{ revenue(from: \"2026-02-01\", to: \"2026-02-28\", groupBy: [MONTH, CUSTOM_FIELD], customField: \"Product line\") {
        groups { key label } total { amount } count } }";
    let answer = world.data(&token, query, json!({})).await;
    let month = json!({ "key": "2026-02", "label": "February 2026" });
    let row = |key: Value| json!({ "groups": [month, { "key": key, "label": key }], "total": { "amount": "10.00" }, "count": 1 });
    assert_eq!(
        answer["revenue"],
        json!([row(Value::Null), row(json!("A, B")), row(json!("Cloud"))])
    );
    for (arguments, says) in [
        ("groupBy: [CUSTOM_FIELD]", "customField goes with"),
        ("customField: \"Product line\"", "customField goes with"),
        (
            "groupBy: [CUSTOM_FIELD], customField: \"Line\"",
            "Transaction has no custom field \"Line\"; it has Product line",
        ),
    ] {
        let query = format!("{{ revenue(period: THIS_YEAR, {arguments}) {{ count }} }}");
        let (message, _) = world.refused(&token, &query, json!({})).await;
        assert!(message.contains(says), "{message}");
    }
}
