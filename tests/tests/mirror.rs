//! What the simulated Close holds is what GraphQL answers.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

use closegraph_tests::Demo;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// Every record of a list, page by page, by Close id.
async fn all(demo: &Demo, list: &str, fields: &str) -> BTreeMap<String, Value> {
    let query = format!(
        "query ($after: String) {{ {list}(first: 500, after: $after, orderBy: [{{ field: UPDATED_AT }}]) {{
             nodes {{ closeId {fields} }} pageInfo {{ hasNextPage endCursor }} }} }}"
    );
    let mut found = BTreeMap::new();
    let mut after = Value::Null;
    loop {
        let answer = demo.ask(&query, json!({ "after": after })).await.unwrap();
        let page = &answer[list];
        for node in page["nodes"].as_array().unwrap() {
            let id = node["closeId"].as_str().unwrap().to_owned();
            assert!(
                found.insert(id, node.clone()).is_none(),
                "a record came twice: {node}"
            );
        }
        if page["pageInfo"]["hasNextPage"] != true {
            return found;
        }
        after = page["pageInfo"]["endCursor"].clone();
    }
}

async fn objects(demo: &Demo, object_type: &str) -> Vec<Value> {
    let lines = demo
        .control(&format!("objects/{object_type}"))
        .await
        .unwrap();
    lines
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

/// Empty text and null both mean "none".
fn text(value: &Value) -> Option<&str> {
    value.as_str().filter(|text| !text.trim().is_empty())
}

fn instant(value: &Value) -> chrono::DateTime<chrono::Utc> {
    value.as_str().unwrap().parse().unwrap()
}

#[tokio::test]
async fn every_record_of_close_is_answered_with_equal_fields() {
    let demo = Demo::start(1_000).unwrap();

    let companies = all(&demo, "companies", "name url status { label } updatedAt").await;
    let leads = objects(&demo, "lead").await;
    assert_eq!(companies.len(), leads.len());
    for lead in &leads {
        let company = &companies[lead["id"].as_str().unwrap()];
        let name = text(&lead["name"])
            .or(text(&lead["display_name"]))
            .map(|name| name.replace('\0', ""));
        assert_eq!(company["name"].as_str(), name.as_deref());
        assert_eq!(company["url"].as_str(), text(&lead["url"]));
        assert_eq!(company["status"]["label"], lead["status_label"]);
        assert_eq!(
            instant(&company["updatedAt"]),
            instant(&lead["date_updated"])
        );
    }

    let people = all(
        &demo,
        "people",
        "title company { closeId } emails { email } phones { number }",
    )
    .await;
    let contacts = objects(&demo, "contact").await;
    assert_eq!(people.len(), contacts.len());
    for contact in &contacts {
        let person = &people[contact["id"].as_str().unwrap()];
        assert_eq!(person["title"].as_str(), text(&contact["title"]));
        assert_eq!(person["company"]["closeId"], contact["lead_id"]);
        let sent = contact["emails"]
            .as_array()
            .unwrap()
            .iter()
            .map(|email| &email["email"]);
        let answered = person["emails"]
            .as_array()
            .unwrap()
            .iter()
            .map(|email| &email["email"]);
        assert!(answered.eq(sent), "{person} {contact}");
        assert_eq!(
            person["phones"].as_array().unwrap().len(),
            contact["phones"].as_array().unwrap().len()
        );
    }

    let fields = "status statusLabel confidence wonOn expectedOn value { minorUnits currency } transaction { closeId }";
    let deals = all(&demo, "opportunities", fields).await;
    let opportunities = objects(&demo, "opportunity").await;
    assert_eq!(deals.len(), opportunities.len());
    for opportunity in &opportunities {
        let deal = &deals[opportunity["id"].as_str().unwrap()];
        let won = opportunity["status_type"] == "won";
        assert_eq!(
            deal["status"].as_str().unwrap().to_lowercase(),
            opportunity["status_type"].as_str().unwrap()
        );
        assert_eq!(
            deal[if won { "wonOn" } else { "expectedOn" }],
            opportunity["date_won"]
        );
        let minor = opportunity["value"].as_i64().map(|value| value.to_string());
        assert_eq!(deal["value"]["minorUnits"].as_str(), minor.as_deref());
        assert_eq!(deal["transaction"].is_object(), won);
    }
}

#[tokio::test]
async fn revenue_equals_what_close_computes() {
    let demo = Demo::start(500).unwrap();
    let query = "{ revenue(from: \"2025-01-01\", to: \"2025-12-31\") { currency count total { minorUnits } } }";
    let answer = demo.ask(query, json!({})).await.unwrap();
    let expected: Value = serde_json::from_str(
        &demo
            .control("revenue?from=2025-01-01&to=2025-12-31")
            .await
            .unwrap(),
    )
    .unwrap();
    let rows = answer["revenue"].as_array().unwrap();
    assert_eq!(rows.len(), expected.as_array().unwrap().len());
    for (row, expected) in rows.iter().zip(expected.as_array().unwrap()) {
        assert_eq!(row["currency"], expected["currency"]);
        assert_eq!(row["count"], expected["count"]);
        assert_eq!(
            row["total"]["minorUnits"].as_str().unwrap(),
            expected["total"].to_string()
        );
    }
}

#[tokio::test]
async fn the_questions_are_answered_word_for_word_in_one_statement_a_root_field() {
    let demo = Demo::start(200).unwrap();
    let statements = async || {
        let url = demo.word("graphql").replace("/graphql", "/metrics");
        let text = reqwest::get(url).await.unwrap().text().await.unwrap();
        let line = text
            .lines()
            .find(|line| line.starts_with("closegraph_api_sql_statements_total"));
        line.map_or(0, |line| {
            line.rsplit(' ').next().unwrap().parse::<u64>().unwrap()
        })
    };
    let lead = objects(&demo, "lead").await.remove(0)["id"].clone();
    for (question, variables, roots) in [
        (
            include_str!("../queries/won-revenue-this-quarter.graphql"),
            json!({}),
            2,
        ),
        (
            include_str!("../queries/company-page.graphql"),
            json!({ "closeId": lead }),
            1,
        ),
        (include_str!("../queries/sync-health.graphql"), json!({}), 2),
    ] {
        let before = statements().await;
        demo.ask(question, variables).await.unwrap();
        assert_eq!(statements().await - before, roots, "{question}");
    }
}
