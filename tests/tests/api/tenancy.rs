//! A token sees the connections it was given and no others.

use crate::world::{ONE, OTHER, World};
use closegraph_entity::record::record_id;
use serde_json::{Value, json};
use uuid::Uuid;

/// Every way to a record: lists with counts and sums, relations, filters through relations, figures.
const EVERYTHING: &str = r#"
query ($company: ID!, $person: ID!) {
  companies(first: 500) { totalCount nodes { ...company } }
  people(first: 500, filter: { company: { name: { contains: "comp" } } }) { totalCount nodes { id company { id } } }
  opportunities(first: 500, filter: { owner: { name: { startsWith: "member" } } }) {
    totalCount totals { currency minorUnits } nodes { id company { id } owner { id } connection { id } } }
  transactions(first: 500) { totalCount totals { currency minorUnits } nodes { id company { id } person { id } } }
  members { totalCount nodes { id } }
  events { totalCount nodes { closeEventId connection { id } } }
  syncRuns { totalCount nodes { status } }
  connections { id lag { pendingEvents } runs { totalCount } }
  revenue(period: THIS_YEAR) { currency count total { minorUnits } previous { count total { minorUnits } } }
  byId: company(id: $company) { ...company }
  byCloseId: company(closeId: "lead_3") { ...company }
  filtered: companies(filter: { closeId: { in: ["lead_1", "lead_2"] } }) { nodes { id } }
  excluded: companies(filter: { closeId: { ne: "lead_1" } }) { totalCount }
  without: companies(filter: { transactions: { none: {} } }) { totalCount }
  node(id: $person) { id ... on MirroredRecord { closeId connection { id } auditTrail { totalCount } } }
}
fragment company on Company {
  id closeId name lifetimeValue { currency minorUnits }
  people { totalCount nodes { id } } opportunities { totalCount totals { currency minorUnits } }
  transactions { nodes { id } } receivables(first: 5) { totalCount totals { minorUnits } nodes { id } }
  outstandingBalance { currency minorUnits } averageDaysToPay auditTrail { totalCount nodes { closeId } }
}"#;

/// The same for invoices, and the figures that they are part of.
const INVOICES: &str = r#"{
  receivables(first: 500) {
    totalCount totals { currency minorUnits }
    nodes { id raw flags lineItems { description } company { id } person { id } opportunity { id } payments { id } connection { id } } }
  byMonth: revenue(period: THIS_YEAR, basis: COLLECTED, groupBy: [MONTH, COMPANY]) { groups { key label } count total { minorUnits } }
  receivablesAging { currency bucket count balanceDue { minorUnits } }
  summary(period: THIS_YEAR) {
    newCompanies newPeople won { count total { minorUnits } } collected { count } invoiced { count total { minorUnits } }
    outstanding { count overdueCount balanceDue { minorUnits } } topCompanies { company { id name } total { minorUnits } } }
  pipeline { pipelineName stageLabel currency count value { minorUnits } weightedValue { minorUnits } }
  invoice: receivable(closeId: "custobj_4") { id raw auditTrail { totalCount nodes { closeId } } }
  unmatched(first: 500) { totalCount nodes { kind record { id } candidates { score record { id } } } }
  needsAttention(first: 500) { totalCount nodes { reason severity message amount { minorUnits } records { id } } }
  billed: opportunities(filter: { receivables: { some: { payments: { none: {} } } } }) { totalCount }
}"#;

/// The answers to both.
async fn everything(world: &World, token: &str) -> (Value, Value) {
    let records = world.data(token, EVERYTHING, ids(ONE)).await;
    (records, world.data(token, INVOICES, json!({})).await)
}

fn ids(connection: Uuid) -> Value {
    json!({
        "company": record_id(connection, "lead_1"),
        "person": record_id(connection, "cont_1"),
    })
}

#[tokio::test]
async fn an_answer_does_not_change_by_what_another_tenant_has() {
    let world = World::new().await;
    world.seed(ONE, 120).await;
    world.seed_invoices(ONE, 120).await;
    let token = world.token(&[ONE]).await;
    let (alone, figures) = everything(&world, &token).await;
    assert_eq!(alone["companies"]["totalCount"], 120, "{alone}");
    assert_eq!(alone["node"]["closeId"], "cont_1");
    assert_eq!(figures["receivables"]["totalCount"], 120, "{figures}");
    assert_eq!(alone["byId"]["auditTrail"]["totalCount"], 1);

    world.seed(OTHER, 90).await;
    world.seed_invoices(OTHER, 90).await;
    let again = everything(&world, &token).await;
    assert_eq!(again, (alone, figures));
    let both = world.token(&[ONE, OTHER]).await;
    let (both, figures) = everything(&world, &both).await;
    assert_eq!(figures["receivables"]["totalCount"], 210);
    assert_eq!(both["companies"]["totalCount"], 210);
    assert_eq!(both["excluded"]["totalCount"], 208);
}

#[tokio::test]
async fn the_ids_of_another_tenant_find_nothing() {
    let world = World::new().await;
    world.seed(ONE, 50).await;
    world.seed(OTHER, 50).await;
    world.seed_invoices(OTHER, 50).await;
    let token = world.token(&[ONE]).await;
    let hidden: Vec<(String, Uuid)> = sqlx::query_as(
        "select 'event', id from event where connection_id = $1
         union all select 'syncRun', id from sync_run where connection_id = $1
         union all select 'connection', id from connection where id = $1
         union all select 'company', id from company where connection_id = $1
         union all select 'person', id from person where connection_id = $1
         union all select 'opportunity', id from opportunity where connection_id = $1
         union all select 'transaction', id from transaction where connection_id = $1
         union all select 'receivable', id from receivable where connection_id = $1
         union all select 'member', id from member where connection_id = $1",
    )
    .bind(OTHER)
    .fetch_all(&world.pool)
    .await
    .unwrap();
    for (field, id) in hidden.iter().filter(|(_, id)| id.as_u128() % 7 == 0) {
        let query =
            format!("query ($id: ID!) {{ {field}(id: $id) {{ id }} node(id: $id) {{ id }} }}");
        let answer = world.data(&token, &query, json!({ "id": id })).await;
        assert_eq!(answer, json!({ field: null, "node": null }));
    }
    let all: Vec<Uuid> = hidden.iter().map(|(_, id)| *id).collect();
    for list in [
        "companies",
        "people",
        "opportunities",
        "transactions",
        "receivables",
        "members",
        "events",
    ] {
        let query = format!(
            "query ($ids: [ID!]!) {{ {list}(filter: {{ id: {{ in: $ids }} }}) {{ totalCount nodes {{ id }} }} }}"
        );
        let answer = world.data(&token, &query, json!({ "ids": all })).await;
        assert_eq!(
            answer[list],
            json!({ "totalCount": 0, "nodes": [] }),
            "{list}"
        );
    }
}

#[tokio::test]
async fn a_token_without_connections_sees_nothing() {
    let world = World::new().await;
    world.seed(ONE, 50).await;
    let token = world.token(&[]).await;
    let (answer, figures) = everything(&world, &token).await;
    assert_eq!(answer["companies"], json!({ "totalCount": 0, "nodes": [] }));
    assert_eq!(answer["revenue"], json!([]));
    for figure in ["byMonth", "receivablesAging", "pipeline"] {
        assert_eq!(figures[figure], json!([]), "{figure}");
    }
    assert_eq!(figures["receivables"]["totalCount"], 0);
    assert_eq!(figures["invoice"], Value::Null);
    assert_eq!(answer["connections"], json!([]));
    assert_eq!(answer["byId"], Value::Null);
    assert_eq!(answer["node"], Value::Null);
}
