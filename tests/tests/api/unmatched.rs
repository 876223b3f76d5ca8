//! Records that should be tied to another and are not.

use crate::invoices::{Invoice, UNPAID};
use crate::world::{ONE, OTHER, World};
use closegraph_entity::record::{payment_id, record_id, won_deal_id};
use serde_json::{Value, json};
use uuid::Uuid;

const FIND_UNMATCHED: &str = include_str!("../../queries/find-unmatched-records.graphql");

impl World {
    /// Puts a mapping of invoices in a state.
    pub(crate) async fn mapping_state(&self, connection: Uuid, state: &str) {
        sqlx::query(
            "insert into invoice_mapping (connection_id, state, origin) values ($1, $2, 'proposed')
             on conflict (connection_id) do update set state = excluded.state",
        )
        .bind(connection)
        .bind(state)
        .execute(&self.pool)
        .await
        .unwrap();
    }

    /// Changes rows as a test wants them.
    pub(crate) async fn change(&self, sql: &'static str, id: Uuid, other: Uuid) {
        sqlx::query(sql)
            .bind(id)
            .bind(other)
            .execute(&self.pool)
            .await
            .unwrap();
    }
}

/// One of each kind.
async fn unmatched_world() -> World {
    let world = World::new().await;
    world.seed(ONE, 3).await;
    let lead = |name| record_id(ONE, name);
    for sql in [
        "update opportunity set company_id = $1 where $2 <> id",
        "update transaction set company_id = $1 where $2 <> id",
    ] {
        world.change(sql, lead("lead_1"), Uuid::nil()).await;
    }
    let sql = "update person set company_id = $2 where id = $1";
    world.change(sql, lead("cont_5"), lead("lead_gone")).await;
    let sql =
        "update company set domain = 'c1.example', name = 'COMPANY 1' where id = $1 and id <> $2";
    world.change(sql, lead("lead_2"), Uuid::nil()).await;
    let invoice = Invoice {
        company: Some("lead_1"),
        ..UNPAID
    };
    world.invoice(ONE, invoice).await;
    world.payment(ONE, invoice, (1, "2026-02-01", 4_000)).await;
    let draft = Invoice {
        close_id: "custobj_2",
        company: Some("lead_gone"),
        status: Some("draft"),
        ..UNPAID
    };
    world.invoice(ONE, draft).await;
    world.mapping_state(ONE, "active").await;
    world
        .link(ONE, ("custobj_1", "oppo_3"), ("candidate", "match", 72))
        .await;
    let sql =
        "update link set reasons = '[\"the same company\", \"the same amount\"]' where $1 <> $2";
    world.change(sql, ONE, OTHER).await;
    world
}

fn kinds(answer: &Value) -> Vec<String> {
    let nodes = answer["unmatched"]["nodes"].as_array().unwrap();
    nodes
        .iter()
        .map(|node| node["kind"].as_str().unwrap().to_owned())
        .collect()
}

#[tokio::test]
async fn each_kind_is_shown_with_its_record_and_what_may_be_missing() {
    let world = unmatched_world().await;
    let token = world.token(&[ONE]).await;
    let answer = world.data(&token, FIND_UNMATCHED, json!({})).await;
    let deal = json!({ "__typename": "Transaction", "id": won_deal_id(ONE, "oppo_3") });
    let reasons = json!(["the same company", "the same amount"]);
    let company = |id: &str, other: &str, name: &str| {
        json!({
            "kind": "DUPLICATE_COMPANY",
            "record": { "__typename": "Company", "name": name, "domain": "c1.example" },
            "candidates": [{ "score": 0.95, "reasons": ["the same domain, c1.example", "the same name"],
                             "record": { "__typename": "Company", "id": record_id(ONE, other) } }],
            "is": id,
        })
    };
    let mut nodes = answer["unmatched"]["nodes"].as_array().unwrap().clone();
    assert_eq!(answer["unmatched"]["totalCount"], nodes.len());
    let twins: Vec<Value> = nodes.split_off(4);
    assert_eq!(
        nodes,
        [
            json!({ "kind": "DEAL_WITHOUT_INVOICE",
                "record": { "__typename": "Transaction", "closeId": "oppo_3" },
                "candidates": [{ "score": 0.72, "reasons": reasons,
                    "record": { "__typename": "Receivable", "id": record_id(ONE, "custobj_1") } }] }),
            json!({ "kind": "INVOICE_WITHOUT_DEAL",
                "record": { "__typename": "Receivable", "number": "custobj_1" },
                "candidates": [{ "score": 0.72, "reasons": reasons, "record": deal }] }),
            json!({ "kind": "ORPHAN_PERSON", "record": { "__typename": "Person", "name": "Person 5" }, "candidates": [] }),
            json!({ "kind": "ORPHAN_RECEIVABLE",
                "record": { "__typename": "Receivable", "number": "custobj_2" }, "candidates": [] }),
        ]
    );
    for (id, other, name) in [
        ("lead_1", "lead_2", "Company 1"),
        ("lead_2", "lead_1", "COMPANY 1"),
    ] {
        let mut expected = company(id, other, name);
        expected.as_object_mut().unwrap().remove("is");
        assert!(twins.contains(&expected), "{twins:?}");
    }
    assert_eq!(twins.len(), 2);

    let all = "{ unmatched { nodes { kind record { id closeId ... on MirroredRecord { connection { id } }
        ... on Transaction { amount { minorUnits } company { name } receivable { number company { domain } } } }
        candidates { record { ... on Transaction { company { name } } } } } } }";
    let all = world.data(&token, all, json!({})).await;
    let payment = &all["unmatched"]["nodes"][2];
    assert_eq!(
        *payment,
        json!({ "kind": "PAYMENT_WITHOUT_DEAL",
            "record": { "id": payment_id(ONE, "custobj_1", 1), "closeId": "custobj_1", "connection": { "id": ONE },
                        "amount": { "minorUnits": "4000" }, "company": { "name": "Company 1" },
                        "receivable": { "number": "custobj_1", "company": { "domain": "c1.example" } } },
            "candidates": [{ "record": { "company": { "name": "Company 1" } } }] }),
        "what is asked below a record comes with it"
    );
}

#[tokio::test]
async fn links_mappings_and_the_end_of_a_win_decide_what_is_unmatched() {
    let world = unmatched_world().await;
    let token = world.token(&[ONE]).await;
    let query = "{ unmatched(kinds: [PAYMENT_WITHOUT_DEAL, INVOICE_WITHOUT_DEAL, DEAL_WITHOUT_INVOICE]) { totalCount nodes { kind } } }";
    let ask = async || kinds(&world.data(&token, query, json!({})).await);
    let every = [
        "DEAL_WITHOUT_INVOICE",
        "INVOICE_WITHOUT_DEAL",
        "PAYMENT_WITHOUT_DEAL",
    ];
    assert_eq!(ask().await, every);
    world.mapping_state(ONE, "waiting").await;
    assert_eq!(
        ask().await,
        every[1..],
        "where invoices are not mapped no deal lacks one"
    );
    world.mapping_state(ONE, "active").await;
    world
        .change(
            "update link set state = 'rejected' where $1 <> $2",
            ONE,
            OTHER,
        )
        .await;
    assert_eq!(ask().await, every);
    world
        .change(
            "update link set state = 'linked' where $1 <> $2",
            ONE,
            OTHER,
        )
        .await;
    assert!(ask().await.is_empty());
    let sql = "delete from transaction where id = $1 and id <> $2";
    world
        .change(sql, won_deal_id(ONE, "oppo_3"), Uuid::nil())
        .await;
    assert_eq!(ask().await, every[1..], "the deal is not won any more");
    let none =
        "{ unmatched(kinds: []) { totalCount nodes { kind } pageInfo { hasNextPage endCursor } } }";
    let none = world.data(&token, none, json!({})).await;
    assert_eq!(
        none["unmatched"],
        json!({ "totalCount": 0, "nodes": [], "pageInfo": { "hasNextPage": false, "endCursor": null } })
    );
}

#[tokio::test]
async fn pages_meet_exactly_and_stay_in_their_tenant() {
    let world = World::new().await;
    for (connection, size) in [(ONE, 70), (OTHER, 45)] {
        world.seed(connection, size).await;
        world.seed_invoices(connection, size).await;
        world.mapping_state(connection, "active").await;
    }
    let orphans = "update person set company_id = case when close_id like '%1' then $1 else $2 end where close_id like '%1_'";
    world.change(orphans, ONE, OTHER).await;
    let twins = "update company set domain = 'twin.example' where close_id like '%3' and $1 <> $2";
    world.change(twins, ONE, OTHER).await;
    let query = "query ($first: Int, $after: String) { unmatched(first: $first, after: $after) {
        totalCount edges { cursor node { kind record { id connection { id } } } } pageInfo { hasNextPage endCursor } } }";
    for scope in [&[ONE][..], &[ONE, OTHER]] {
        let token = world.token(scope).await;
        let whole = world.data(&token, query, json!({ "first": 500 })).await;
        let whole = whole["unmatched"]["edges"].as_array().unwrap().clone();
        let mut found: Vec<Value> = Vec::new();
        let mut after = Value::Null;
        loop {
            let variables = json!({ "first": 7, "after": after });
            let page = world.data(&token, query, variables).await["unmatched"].clone();
            assert_eq!(page["totalCount"], whole.len());
            found.extend(page["edges"].as_array().unwrap().iter().cloned());
            if page["pageInfo"]["hasNextPage"] == false {
                break;
            }
            after = page["pageInfo"]["endCursor"].clone();
        }
        assert_eq!(found, whole);
        assert!(whole.len() > 60, "{}", whole.len());
        for edge in &whole {
            let connection = edge["node"]["record"]["connection"]["id"].as_str().unwrap();
            assert!(scope.iter().any(|id| id.to_string() == connection));
        }
    }
    let token = world.token(&[]).await;
    let nothing = world.data(&token, query, json!({ "first": 5 })).await;
    assert_eq!(nothing["unmatched"]["totalCount"], 0);
    for (after, expected) in [("", "BAD_CURSOR"), ("WyJ4IixbXV0", "BAD_CURSOR")] {
        let variables = json!({ "first": 5, "after": after });
        let (message, code) = world.refused(&token, query, variables).await;
        assert_eq!(code, expected, "{message}");
    }
    let (_, code) = world.refused(&token, query, json!({ "first": 501 })).await;
    assert_eq!(code, "PAGE_TOO_LARGE");
}
