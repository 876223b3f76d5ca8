//! Finding a record by what a person knows of it.

use crate::invoices::UNPAID;
use crate::world::{ONE, OTHER, World};
use closegraph_entity::record::record_id;
use serde_json::{Value, json};
use uuid::Uuid;

const SEARCH: &str = include_str!("../../queries/search.graphql");

/// Companies, a person and an invoice that are unlike what else there is.
async fn world() -> World {
    let world = World::new().await;
    for connection in [ONE, OTHER] {
        world.seed(connection, 60).await;
    }
    for (close_id, name, domain) in [
        ("lead_1", "Northwind Trading GmbH", "northwind.example"),
        ("lead_2", "Globex", "globex.example"),
        ("lead_3", "Acme Rockets", "acme-rockets.example"),
        ("lead_4", "100%_sure", "sure.example"),
    ] {
        sqlx::query(
            "update company set name = $3, domain = $4 where id = $1 and connection_id = $2",
        )
        .bind(record_id(ONE, close_id))
        .bind(ONE)
        .bind(name)
        .bind(domain)
        .execute(&world.pool)
        .await
        .unwrap();
    }
    sqlx::query(
        "update person set name = 'Zoë Quimby', primary_email = 'Zoe.Quimby@Northwind.example',
                emails = '[{\"type\": \"office\", \"email\": \"Zoe.Quimby@Northwind.example\"}, {\"type\": \"home\", \"email\": \"zq@mail.example\"}]',
                phones = '[{\"type\": \"office\", \"number\": \"+493012345678\"}, {\"type\": \"mobile\", \"number\": \"+15550107788\"}]'
          where id = $1",
    )
    .bind(record_id(ONE, "cont_1"))
    .execute(&world.pool)
    .await
    .unwrap();
    world.invoice(ONE, UNPAID).await;
    sqlx::query("update receivable set number = 'INV-2026-0042'")
        .execute(&world.pool)
        .await
        .unwrap();
    world
}

/// Type, matched and score of what was found, best first.
async fn found(world: &World, token: &str, text: &str) -> Vec<Value> {
    let answer = world.data(token, SEARCH, json!({ "text": text })).await;
    answer["search"]["nodes"].as_array().unwrap().clone()
}

/// The best record, and what of it matched.
async fn best(world: &World, token: &str, text: &str) -> (String, String) {
    let found = found(world, token, text).await;
    assert!(!found.is_empty(), "nothing is found of {text}");
    let best = &found[0];
    let record = &best["record"];
    let shown = ["name", "number", "closeId"]
        .into_iter()
        .find_map(|field| record[field].as_str());
    (
        shown.unwrap_or_default().to_owned(),
        best["matched"].as_str().unwrap().to_owned(),
    )
}

#[tokio::test]
async fn a_record_is_found_by_whatever_a_person_knows_of_it() {
    let world = world().await;
    let token = world.token(&[ONE]).await;
    for (text, shown, matched) in [
        ("Northwind Trading GmbH", "Northwind Trading GmbH", "NAME"),
        ("northwind", "Northwind Trading GmbH", "NAME"),
        ("trading", "Northwind Trading GmbH", "NAME"),
        ("rockets acme", "Acme Rockets", "NAME"),
        ("gl", "Globex", "NAME"),
        ("100%_", "100%_sure", "NAME"),
        ("ZOË QUIMBY", "Zoë Quimby", "NAME"),
        ("zoe.quimby@northwind.example", "Zoë Quimby", "EMAIL"),
        ("ZQ@mail", "Zoë Quimby", "EMAIL"),
        ("northwind.example", "Northwind Trading GmbH", "DOMAIN"),
        ("https://www.Globex.example/about?x=1", "Globex", "DOMAIN"),
        ("+1 (555) 010-7788", "Zoë Quimby", "PHONE"),
        ("5550107788", "Zoë Quimby", "PHONE"),
        ("030 1234 5678", "Zoë Quimby", "PHONE"),
        ("0049 30 12345678", "Zoë Quimby", "PHONE"),
        ("+49 (0)30 / 12345678", "Zoë Quimby", "PHONE"),
        ("inv-2026-0042", "INV-2026-0042", "NUMBER"),
        ("0042", "INV-2026-0042", "NUMBER"),
        ("lead_1", "Northwind Trading GmbH", "CLOSE_ID"),
        (&record_id(ONE, "lead_2").to_string(), "Globex", "ID"),
    ] {
        let best = best(&world, &token, text).await;
        assert_eq!(best, (shown.to_owned(), matched.to_owned()), "{text}");
    }
}

#[tokio::test]
async fn one_slip_in_a_name_is_forgiven() {
    let world = world().await;
    let token = world.token(&[ONE]).await;
    for (text, name) in [
        ("nothwind", "Northwind Trading GmbH"),
        ("northhwind", "Northwind Trading GmbH"),
        ("nortwhind", "Northwind Trading GmbH"),
        ("morthwind", "Northwind Trading GmbH"),
        ("northwint", "Northwind Trading GmbH"),
        ("northwind tradong", "Northwind Trading GmbH"),
        ("globx", "Globex"),
        ("golbex", "Globex"),
        ("glopex", "Globex"),
        ("acne rockets", "Acme Rockets"),
        ("rokets", "Acme Rockets"),
        ("zoë qimby", "Zoë Quimby"),
    ] {
        let (found, matched) = best(&world, &token, text).await;
        assert_eq!((found.as_str(), matched.as_str()), (name, "NAME"), "{text}");
    }
    let none = found(&world, &token, "xylophonist").await;
    assert_eq!(none, Vec::<Value>::new(), "nothing is like it");
}

#[tokio::test]
async fn an_old_id_leads_to_the_record_that_it_was_merged_into() {
    let world = world().await;
    let merge = "insert into tombstone (record_id, connection_id, record_type, close_id, version, merged_into_id)
                 values ($1, $2, 'company', $3, now(), $4)";
    for (old, into) in [("lead_old", "lead_older"), ("lead_older", "lead_1")] {
        sqlx::query(merge)
            .bind(record_id(ONE, old))
            .bind(ONE)
            .bind(old)
            .bind(record_id(ONE, into))
            .execute(&world.pool)
            .await
            .unwrap();
    }
    let token = world.token(&[ONE]).await;
    let found = best(&world, &token, "lead_old").await;
    assert_eq!(
        found,
        (
            "Northwind Trading GmbH".to_owned(),
            "OLD_CLOSE_ID".to_owned()
        )
    );
    // A won deal is found as the deal and as the money that was booked of it.
    let deal = self::found(&world, &token, "oppo_33").await;
    let types: Vec<&str> = deal
        .iter()
        .map(|node| node["record"]["__typename"].as_str().unwrap())
        .collect();
    assert_eq!(types, ["Opportunity", "Transaction"]);
}

#[tokio::test]
async fn nothing_of_another_tenant_is_found() {
    let world = world().await;
    let token = world.token(&[OTHER]).await;
    let query = "query ($text: String!) { search(query: $text, first: 50) { nodes { record { connection { id } } } } }";
    for text in [
        "northwind",
        "nothwind",
        "globex.example",
        "zq@mail.example",
        "+1 555 010 7788",
        "INV-2026-0042",
        "n",
        "company",
        "lead_1",
        "member",
        &record_id(ONE, "lead_1").to_string(),
    ] {
        let answer = world.data(&token, query, json!({ "text": text })).await;
        for node in answer["search"]["nodes"].as_array().unwrap() {
            assert_eq!(
                node["record"]["connection"]["id"],
                OTHER.to_string(),
                "{text}: {node}"
            );
        }
    }
    let nobody = world.token(&[]).await;
    assert_eq!(
        found(&world, &nobody, "northwind").await,
        Vec::<Value>::new()
    );
    let theirs = world.token(&[ONE]).await;
    let answer = world
        .data(&theirs, query, json!({ "text": "northwind" }))
        .await;
    assert_eq!(
        answer["search"]["nodes"][0]["record"]["connection"]["id"],
        ONE.to_string()
    );
}

#[tokio::test]
async fn the_most_alike_stands_first_and_what_is_asked_is_kept_to() {
    let world = world().await;
    sqlx::query("update company set name = 'Globex Holding' where id = $1")
        .bind(record_id(ONE, "lead_5"))
        .execute(&world.pool)
        .await
        .unwrap();
    let token = world.token(&[ONE]).await;
    let nodes = found(&world, &token, "globex").await;
    let names: Vec<&Value> = nodes.iter().map(|node| &node["record"]["name"]).collect();
    assert_eq!(names, ["Globex", "Globex Holding"]);
    assert_eq!(nodes[0]["score"], 1.0);
    let scores: Vec<f64> = nodes
        .iter()
        .map(|node| node["score"].as_f64().unwrap())
        .collect();
    assert!(
        scores.is_sorted_by(|left, right| left >= right),
        "{scores:?}"
    );

    let query = "query ($types: [RecordType!], $first: Int) { search(query: \"company\", types: $types, first: $first) {
        nodes { record { __typename id } } } }";
    let some = world.data(&token, query, json!({ "first": 3 })).await;
    assert_eq!(some["search"]["nodes"].as_array().unwrap().len(), 3);
    let usual = world.data(&token, query, json!({})).await;
    let usual = usual["search"]["nodes"].as_array().unwrap();
    assert_eq!(usual.len(), 20);
    let ids: std::collections::BTreeSet<Uuid> = usual
        .iter()
        .map(|node| node["record"]["id"].as_str().unwrap().parse().unwrap())
        .collect();
    assert_eq!(ids.len(), 20, "no record stands twice");
    let people = world
        .data(&token, query, json!({ "types": ["PERSON"] }))
        .await;
    assert_eq!(people["search"]["nodes"], json!([]));
    let none = world.data(&token, query, json!({ "types": [] })).await;
    assert_eq!(none["search"]["nodes"], json!([]));
}

#[tokio::test]
async fn what_can_not_be_looked_for_is_refused() {
    let world = World::new().await;
    let token = world.token(&[ONE]).await;
    for (text, first, says) in [
        ("  ", 20, "at least one letter or digit"),
        ("%%%", 20, "at least one letter or digit"),
        (&"x".repeat(201), 20, "at most 200"),
        ("x", 51, "0 to 50"),
        ("x", -1, "0 to 50"),
        ("x\0", 20, "NUL"),
    ] {
        let query = "query ($text: String!, $first: Int!) { search(query: $text, first: $first) { nodes { score } } }";
        let variables = json!({ "text": text, "first": first });
        let (message, code) = world.refused(&token, query, variables).await;
        assert!(message.contains(says), "{message}");
        assert_eq!(code, "BAD_USER_INPUT");
    }
}
