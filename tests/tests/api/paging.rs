//! Pages over exactly the declared order, with ties and nulls in it.

use crate::world::{ONE, OTHER, World};
use serde_json::{Value, json};

const LISTS: [(&str, &[&str]); 6] = [
    ("companies", &["NAME", "DOMAIN", "CREATED_AT", "UPDATED_AT"]),
    (
        "people",
        &["NAME", "PRIMARY_EMAIL", "CREATED_AT", "UPDATED_AT"],
    ),
    (
        "opportunities",
        &["VALUE", "EXPECTED_ON", "WON_ON", "CREATED_AT", "UPDATED_AT"],
    ),
    (
        "transactions",
        &["OCCURRED_ON", "AMOUNT", "CATEGORY", "UPDATED_AT"],
    ),
    (
        "receivables",
        &["DUE_ON", "ISSUED_ON", "NUMBER", "TOTAL", "BALANCE_DUE"],
    ),
    ("events", &["RECEIVED_AT"]),
];

struct List<'a> {
    world: &'a World,
    token: &'a str,
    query: String,
    name: &'a str,
    order: Value,
}

impl List<'_> {
    async fn page(&self, mut arguments: Value) -> Value {
        arguments["order"] = self.order.clone();
        let answer = self.world.data(self.token, &self.query, arguments).await;
        answer[self.name].clone()
    }
}

fn ids(page: &Value) -> Vec<String> {
    let nodes = page["nodes"].as_array().unwrap();
    nodes.iter().map(|node| node["id"].to_string()).collect()
}

/// All orders of one list, of one key and of two.
fn orders(fields: &[&str]) -> Vec<Value> {
    let mut orders = Vec::new();
    for field in fields {
        for direction in ["ASC", "DESC"] {
            let key = json!({ "field": field, "direction": direction });
            orders.push(json!([key]));
            for other in fields.iter().filter(|other| *other != field) {
                orders.push(json!([key, { "field": other, "direction": "ASC" }]));
                orders.push(json!([key, { "field": other, "direction": "DESC" }]));
            }
        }
    }
    orders
}

#[tokio::test]
async fn pages_forward_and_backward_are_the_whole_list_in_its_order() {
    let world = World::new().await;
    world.seed(ONE, 60).await;
    world.seed(OTHER, 37).await;
    world.seed_invoices(ONE, 60).await;
    world.seed_invoices(OTHER, 37).await;
    let token = world.token(&[ONE, OTHER]).await;
    for (name, fields) in LISTS {
        for order in orders(fields) {
            let field = order[0]["field"].as_str().unwrap();
            let query = format!(
                "query ($first: Int, $after: String, $last: Int, $before: String, $order: [{}Order!]) {{
                   {name}(first: $first, after: $after, last: $last, before: $before, orderBy: $order) {{
                     nodes {{ id }} pageInfo {{ hasNextPage hasPreviousPage startCursor endCursor }} totalCount }} }}",
                type_of(name)
            );
            let list = List {
                world: &world,
                token: &token,
                query,
                name,
                order: order.clone(),
            };
            let whole = list.page(json!({ "first": 500 })).await;
            let all = ids(&whole);
            assert_eq!(whole["totalCount"], all.len(), "{name} {field}");
            assert_eq!(whole["pageInfo"]["hasNextPage"], false);
            assert_eq!(walk(&list, 13, true).await, all, "{name} {order} forward");
            assert_eq!(walk(&list, 17, false).await, all, "{name} {order} backward");
        }
    }
}

/// Walks a list in pages of a size and answers it in its order.
async fn walk(list: &List<'_>, size: usize, forward: bool) -> Vec<String> {
    let (count, from, more, end) = if forward {
        ("first", "after", "hasNextPage", "endCursor")
    } else {
        ("last", "before", "hasPreviousPage", "startCursor")
    };
    let mut found: Vec<Vec<String>> = Vec::new();
    let mut cursor = Value::Null;
    loop {
        let page = list.page(json!({ count: size, from: cursor })).await;
        found.push(ids(&page));
        if page["pageInfo"][more] == false {
            break;
        }
        cursor = page["pageInfo"][end].clone();
        assert!(found.len() < 100, "no end");
    }
    if !forward {
        found.reverse();
    }
    found.concat()
}

fn type_of(list: &str) -> &str {
    match list {
        "companies" => "Company",
        "people" => "Person",
        "opportunities" => "Opportunity",
        "transactions" => "Transaction",
        "receivables" => "Receivable",
        _ => "Event",
    }
}

#[tokio::test]
async fn nulls_stand_last_ascending_and_first_descending() {
    let world = World::new().await;
    world.seed(ONE, 60).await;
    let token = world.token(&[ONE]).await;
    for (direction, sorted) in [("ASC", true), ("DESC", false)] {
        let query = format!(
            "{{ opportunities(first: 500, orderBy: [{{ field: EXPECTED_ON, direction: {direction} }}]) {{ nodes {{ expectedOn }} }} }}"
        );
        let answer = world.data(&token, &query, json!({})).await;
        let nodes = answer["opportunities"]["nodes"].as_array().unwrap();
        // What is unset sorts after any day.
        let mut days: Vec<&str> = nodes
            .iter()
            .map(|node| node["expectedOn"].as_str().unwrap_or("9999"))
            .collect();
        if !sorted {
            days.reverse();
        }
        assert!(days.is_sorted(), "{direction} {days:?}");
        assert!(days.contains(&"9999"));
    }
}

#[tokio::test]
async fn paging_arguments_that_make_no_sense_are_refused_with_what_is_allowed() {
    let world = World::new().await;
    world.seed(ONE, 5).await;
    let token = world.token(&[ONE]).await;
    let cursor = world
        .data(
            &token,
            "{ companies(first: 1) { pageInfo { endCursor } } }",
            json!({}),
        )
        .await["companies"]["pageInfo"]["endCursor"]
        .to_string();
    for (arguments, says, code) in [
        (
            "first: 1, last: 1",
            "either first or last",
            "BAD_USER_INPUT",
        ),
        ("first: -1", "0 or more", "BAD_USER_INPUT"),
        ("first: 501", "at most 500", "PAGE_TOO_LARGE"),
        ("last: 501", "at most 500", "PAGE_TOO_LARGE"),
        ("after: \"nonsense\"", "no cursor of ours", "BAD_CURSOR"),
        (
            "last: 1, after: \"x\"",
            "after goes with first",
            "BAD_USER_INPUT",
        ),
        (
            &format!("after: {cursor}, orderBy: [{{ field: NAME }}]"),
            "of another order",
            "BAD_CURSOR",
        ),
    ] {
        let query = format!("{{ companies({arguments}) {{ nodes {{ id }} }} }}");
        let (message, found) = world.refused(&token, &query, json!({})).await;
        assert!(message.contains(says), "{arguments}: {message}");
        assert_eq!(found, code, "{arguments}");
    }
    let none = world
        .data(
            &token,
            "{ companies(first: 0) { nodes { id } totalCount pageInfo { hasNextPage } } }",
            json!({}),
        )
        .await;
    assert_eq!(none["companies"]["nodes"], json!([]));
    assert_eq!(none["companies"]["totalCount"], 5);
    assert_eq!(none["companies"]["pageInfo"]["hasNextPage"], true);
}
