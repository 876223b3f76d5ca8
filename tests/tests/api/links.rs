//! What operators decide about which invoice bills which won deal.

use crate::invoices::{Invoice, UNPAID};
use crate::world::{ONE, OTHER, World};
use closegraph_entity::api_token::Role;
use closegraph_entity::record::{record_id, won_deal_id};
use serde_json::{Value, json};
use uuid::Uuid;

const LINK: &str = "mutation ($r: ID!, $o: ID!) { linkRecords(receivable: $r, opportunity: $o) { number opportunity { closeId } } }";
const UNLINK: &str = "mutation ($r: ID!, $o: ID!) { unlinkRecords(receivable: $r, opportunity: $o) { number opportunity { closeId } } }";

async fn linked_world() -> World {
    let world = World::new().await;
    for connection in [ONE, OTHER] {
        world.seed(connection, 9).await;
        let invoice = Invoice {
            company: Some("lead_1"),
            ..UNPAID
        };
        world.invoice(connection, invoice).await;
    }
    world
}

fn pair(connection: Uuid, deal: Uuid) -> Value {
    json!({ "r": record_id(connection, "custobj_1"), "o": deal })
}

async fn links(world: &World) -> Vec<String> {
    sqlx::query_scalar(
        "select o.close_id || ' ' || k.state || ' ' || k.origin || ' ' || k.score || ' ' || coalesce(k.decided_by, '-')
           from link k join opportunity o on o.id = k.opportunity_id order by 1",
    )
    .fetch_all(&world.pool)
    .await
    .unwrap()
}

async fn trail(world: &World) -> Vec<(String, Value, i64)> {
    sqlx::query_as(
        "select a.origin, a.changes, (select count(*) from change_feed f
                  where f.record_id = a.record_id and f.record_type = 'receivable' and f.changed_fields = '{opportunity}')
           from audit_entry a where a.record_type = 'receivable' and a.changed_fields = '{opportunity}' order by a.seq",
    )
    .fetch_all(&world.pool)
    .await
    .unwrap()
}

#[tokio::test]
async fn a_person_links_an_invoice_with_one_won_deal_and_takes_it_back() {
    let world = linked_world().await;
    let deal = |name| record_id(ONE, name);
    world
        .link(ONE, ("custobj_1", "oppo_9"), ("linked", "match", 90))
        .await;
    world
        .link(ONE, ("custobj_1", "oppo_6"), ("candidate", "match", 70))
        .await;
    let operator = world.token_of(&[ONE], Role::Operator, None).await;
    let by_transaction = pair(ONE, won_deal_id(ONE, "oppo_6"));
    let answer = world.data(&operator, LINK, by_transaction.clone()).await;
    assert_eq!(
        answer["linkRecords"],
        json!({ "number": "custobj_1", "opportunity": { "closeId": "oppo_6" } })
    );
    assert_eq!(links(&world).await, ["oppo_6 linked person 100 test"]);
    world.data(&operator, LINK, by_transaction).await;
    assert_eq!(
        trail(&world).await.len(),
        1,
        "the same decision changes nothing"
    );
    let answer = world.data(&operator, LINK, pair(ONE, deal("oppo_3"))).await;
    assert_eq!(answer["linkRecords"]["opportunity"]["closeId"], "oppo_3");
    assert_eq!(links(&world).await, ["oppo_3 linked person 100 test"]);
    let answer = world
        .data(&operator, UNLINK, pair(ONE, deal("oppo_3")))
        .await;
    assert_eq!(answer["unlinkRecords"]["opportunity"], Value::Null);
    world
        .data(&operator, UNLINK, pair(ONE, deal("oppo_6")))
        .await;
    assert_eq!(
        links(&world).await,
        [
            "oppo_3 rejected person 100 test",
            "oppo_6 rejected person 100 test"
        ]
    );
    let change = |from: Value, to: Value| {
        let changes = json!({ "opportunity": { "from": from, "to": to } });
        ("person".to_owned(), changes, 3)
    };
    let (three, six, nine) = (
        json!(deal("oppo_3")),
        json!(deal("oppo_6")),
        json!(deal("oppo_9")),
    );
    assert_eq!(
        trail(&world).await,
        [
            change(nine, six.clone()),
            change(six, three.clone()),
            change(three, Value::Null)
        ]
    );
    let mut queued: Vec<Uuid> =
        sqlx::query_scalar("select company_id from match_queue where connection_id = $1")
            .bind(ONE)
            .fetch_all(&world.pool)
            .await
            .unwrap();
    queued.sort();
    let mut expected = [deal("lead_1"), deal("lead_4"), deal("lead_7")];
    expected.sort();
    assert_eq!(queued, expected, "of the invoice and of the deals");
    let shown = "{ receivable(closeId: \"custobj_1\") { auditTrail(first: 1) { nodes { origin changedFields } } } }";
    let shown = world.data(&operator, shown, json!({})).await;
    assert_eq!(
        shown["receivable"]["auditTrail"]["nodes"],
        json!([{ "origin": "PERSON", "changedFields": ["opportunity"] }])
    );
}

#[tokio::test]
async fn only_operators_link_only_what_they_see_and_only_won_deals() {
    let world = linked_world().await;
    let viewer = world.token(&[ONE]).await;
    let operator = world.token_of(&[ONE], Role::Operator, None).await;
    let both = world.token_of(&[ONE, OTHER], Role::Admin, None).await;
    let won = |connection| record_id(connection, "oppo_3");
    for mutation in [LINK, UNLINK] {
        let (_, code) = world.refused(&viewer, mutation, pair(ONE, won(ONE))).await;
        assert_eq!(code, "FORBIDDEN");
        let mut messages = Vec::new();
        for (token, variables) in [
            (&operator, pair(OTHER, won(OTHER))),
            (&operator, pair(ONE, won(OTHER))),
            (&both, pair(ONE, won(OTHER))),
            (&operator, pair(ONE, Uuid::nil())),
            (&operator, json!({ "r": Uuid::nil(), "o": won(ONE) })),
        ] {
            let (message, code) = world.refused(token, mutation, variables).await;
            assert_eq!(code, "NOT_FOUND", "{message}");
            messages.push(message);
        }
        messages.dedup();
        assert_eq!(messages.len(), 1, "{messages:?}");
        let (_, code) = world
            .refused(
                &operator,
                mutation,
                json!({ "r": "custobj_1", "o": won(ONE) }),
            )
            .await;
        assert_eq!(code, "BAD_USER_INPUT");
    }
    let (message, code) = world
        .refused(&operator, LINK, pair(ONE, record_id(ONE, "oppo_1")))
        .await;
    assert_eq!(code, "BAD_USER_INPUT");
    assert!(message.contains("not won"), "{message}");
    assert!(links(&world).await.is_empty());
    assert!(trail(&world).await.is_empty());
}
