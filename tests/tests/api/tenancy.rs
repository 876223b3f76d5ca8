//! A token sees the connections it was given and no others.

mod attempts;
mod postgres;

use crate::changes::told;
use crate::listeners::Events;
use crate::world::{ONE, OTHER, World, read};
use axum::body::Body;
use axum::http::{Request, StatusCode, header};
use closegraph_api::ApiOptions;
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

/// A query in an address, with the tags that the client says it has: the status, the tag and the body.
async fn get(world: &World, token: &str, known: Option<&str>) -> (StatusCode, String, Value) {
    let request = Request::get("/graphql?query=%7Bcompany(closeId:%22lead_1%22)%7Bid%7D%7D")
        .header(header::AUTHORIZATION, format!("Bearer {token}"));
    let request = match known {
        Some(tag) => request.header(header::IF_NONE_MATCH, tag),
        None => request,
    };
    let response = world.send(request.body(Body::empty()).unwrap()).await;
    let status = response.status();
    let tag = response.headers()[header::ETAG]
        .to_str()
        .unwrap()
        .to_owned();
    let body = match status {
        StatusCode::NOT_MODIFIED => Value::Null,
        _ => read(response).await,
    };
    (status, tag, body)
}

#[tokio::test]
async fn neither_kept_answers_nor_their_tags_cross_over() {
    let world = World::serving(ApiOptions {
        cache_bytes: 1024 * 1024,
        ..ApiOptions::default()
    })
    .await;
    world.seed(ONE, 3).await;
    world.seed(OTHER, 3).await;
    let (one, other) = (world.token(&[ONE]).await, world.token(&[OTHER]).await);
    let mut kept = get(&world, &one, None).await;
    for _ in 0..500 {
        if kept.2["extensions"]["cache"] == "hit" {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        kept = get(&world, &one, None).await;
    }
    let (_, tag, body) = kept;
    assert_eq!(body["extensions"]["cache"], "hit", "{body}");
    assert_eq!(
        body["data"]["company"]["id"],
        json!(record_id(ONE, "lead_1"))
    );
    assert_eq!(
        get(&world, &one, Some(&tag)).await.0,
        StatusCode::NOT_MODIFIED
    );
    let (status, others, body) = get(&world, &other, Some(&tag)).await;
    assert_eq!(
        (status, &body["extensions"]["cache"]),
        (StatusCode::OK, &json!("miss"))
    );
    assert_eq!(
        body["data"]["company"]["id"],
        json!(record_id(OTHER, "lead_1"))
    );
    assert_ne!(others, tag);
    let (_, _, body) = get(&world, &one, Some(&others)).await;
    assert_eq!(
        body["data"]["company"]["id"],
        json!(record_id(ONE, "lead_1"))
    );
}

const FOLLOW: &str = "subscription ($after: String) { changes(after: $after) { cursor recordId record { ... on Company { id } } } }";

/// The same document and variables, which one evaluation serves for all who may see the same, and the cursor of another.
#[tokio::test]
async fn a_stream_shows_its_own_changes_whoever_else_follows_and_whosever_cursor_it_had() {
    let world = World::new().await;
    world.seed(ONE, 3).await;
    world.seed(OTHER, 3).await;
    let (address, one) = (world.serve().await, world.token(&[ONE]).await);
    let other = world.token(&[OTHER]).await;
    let mut others = Events::open(&address, &other, FOLLOW, json!({})).await;
    let mut mine = Events::open(&address, &one, FOLLOW, json!({})).await;
    told(&world, OTHER, "lead_1").await;
    told(&world, ONE, "lead_2").await;
    let change = |event: Option<(String, Value)>| event.unwrap().1["data"]["changes"].clone();
    let (seen, theirs) = (change(mine.next().await), change(others.next().await));
    for (seen, id) in [
        (&seen, record_id(ONE, "lead_2")),
        (&theirs, record_id(OTHER, "lead_1")),
    ] {
        let expected = json!([id, { "id": id }]);
        assert_eq!(json!([seen["recordId"], seen["record"]]), expected);
    }
    let after = json!({ "after": theirs["cursor"] });
    let mut resumed = Events::open(&address, &one, FOLLOW, after).await;
    told(&world, OTHER, "lead_3").await;
    told(&world, ONE, "lead_3").await;
    for close_id in ["lead_2", "lead_3"] {
        let seen = change(resumed.next().await);
        assert_eq!(seen["recordId"], json!(record_id(ONE, close_id)));
    }
}
