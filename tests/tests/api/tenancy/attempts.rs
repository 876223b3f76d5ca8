//! Every way in which one tenant may try to learn of another. Each is answered the same whether the other is there or not.

use crate::changes::told;
use crate::world::{ONE, OTHER, World, read};
use axum::body::Body;
use axum::http::{Request, header};
use closegraph_entity::api_token::Role;
use closegraph_entity::record::{record_id, won_deal_id};
use serde_json::{Value, json};
use uuid::Uuid;

/// What only the other tenant has.
const SECRETS: [&str; 5] = [
    "insert into company (id, connection_id, close_id, name, domain, status_label, custom, raw, source_created_at, source_updated_at)
     values ($2, $1, 'lead_secret', 'Kryptonite Ltd', 'kryptonite.example', 'Hidden', '{\"cf_secret\": \"green\"}', '{}', '2026-01-01Z', '2026-01-01Z')",
    "insert into custom_field (connection_id, record_type, close_id, name, type, position)
     select $1, kind, 'cf_secret', 'Kryptonite colour', 'text', 1 from unnest(array['company', 'opportunity']) kind where $2 is not null",
    "insert into label (connection_id, close_id, name) select $1, 'stat_secret', 'Kryptonite stage' where $2 is not null",
    "insert into tombstone (connection_id, record_type, record_id, close_id, version, merged_into_id)
     values ($1, 'company', gen_random_uuid(), 'lead_gone', '2026-01-01Z', $2)",
    "update event set state = 'dead' where connection_id = $1 and $2 is not null",
];

/// Lists with cursors, and the fields that tell of one record by its id.
const LISTS: [&str; 11] = [
    "companies",
    "people",
    "opportunities",
    "transactions",
    "receivables",
    "members",
    "events",
    "syncRuns",
    "unmatched",
    "needsAttention",
    "changes",
];
const RECORDS: [(&str, &str); 6] = [
    ("company", "lead_secret"),
    ("person", "cont_70"),
    ("opportunity", "oppo_70"),
    ("transaction", "oppo_69"),
    ("receivable", "custobj_70"),
    ("member", "user_5"),
];

/// What is asked, with its variables.
type Attempt = (String, Value);

/// By ids, here and in Close, and by whatever takes a connection.
fn by_id(hidden: &[Uuid]) -> Vec<Attempt> {
    let mut attempts = Vec::new();
    for (field, close_id) in RECORDS {
        let query = format!("query ($c: String!) {{ {field}(closeId: $c) {{ id }} }}");
        attempts.push((query, json!({ "c": close_id })));
    }
    for id in hidden {
        for field in [
            "company",
            "person",
            "opportunity",
            "transaction",
            "receivable",
            "member",
            "event",
            "syncRun",
            "connection",
            "node",
        ] {
            let query = format!("query ($id: ID!) {{ {field}(id: $id) {{ id }} }}");
            attempts.push((query, json!({ "id": id })));
        }
    }
    for query in [
        "query ($c: ID!) { invoiceMapping(connection: $c) { state } }",
        "query ($c: ID!) { tryInvoiceMapping(connection: $c, mapping: { typeId: \"cotype_1\", fields: [{ role: AMOUNT, fieldId: \"cf_po\" }] }) { closeId } }",
        "mutation ($c: ID!) { setInvoiceMapping(connection: $c, none: true) { state } }",
        "mutation ($c: ID!) { setInvoiceMapping(connection: $c) { state } }",
        "mutation ($c: ID!) { resetInvoiceMapping(connection: $c) { state } }",
    ] {
        attempts.push((query.to_owned(), json!({ "c": OTHER })));
    }
    attempts
}

/// By filters, custom fields, search and figures.
fn by_content(hidden: &[Uuid]) -> Vec<Attempt> {
    let plain = [
        "{ companies(filter: { name: { contains: \"krypton\" } }) { totalCount nodes { id } } }",
        "{ companies(filter: { not: { name: { eq: \"Kryptonite Ltd\" } } }) { totalCount } }",
        "{ companies(filter: { closeId: { in: [\"lead_secret\", \"lead_gone\"] } }) { totalCount } }",
        "{ companies(filter: { statusLabel: { eq: \"Hidden\" } }) { totalCount } }",
        "{ companies(filter: { customFields: { name: \"Kryptonite colour\", text: { eq: \"green\" } } }) { totalCount } }",
        "{ companies(filter: { customFields: { id: \"cf_secret\", text: { eq: \"green\" } } }) { totalCount } }",
        "{ people(filter: { company: { customFields: { name: \"Kryptonite colour\", text: { eq: \"green\" } } } }) { totalCount } }",
        "{ people(filter: { company: { name: { startsWith: \"Krypton\" } } }) { totalCount } }",
        "{ company(closeId: \"lead_gone\") { id } }",
        "{ companies(first: 1) { nodes { customField(name: \"Kryptonite colour\") customFields { name } } } }",
        "{ revenue(from: \"2020-01-01\", to: \"2040-01-01\", groupBy: [CUSTOM_FIELD], customField: \"Kryptonite colour\") { count } }",
        "{ revenue(from: \"2020-01-01\", to: \"2040-01-01\", groupBy: [OWNER, COMPANY], first: 500) { count total { minorUnits } groups { key } } }",
        "{ summary(from: \"2020-01-01\", to: \"2040-01-01\") { newCompanies newPeople won { count total { minorUnits } } topCompanies { company { id } } } }",
        "{ pipeline { pipelineName stageLabel count value { minorUnits } } receivablesAging { bucket count } }",
        "{ opportunities { totalCount totals { currency minorUnits } } transactions { totalCount totals { minorUnits } } }",
        "{ search(query: \"Kryptonite\") { nodes { record { id } } } }",
        "{ search(query: \"kryptonite.example\", first: 50) { nodes { record { id } score } } }",
        "{ search(query: \"Company 1\", first: 50) { nodes { record { id } } } }",
        "{ connections { id runs { totalCount } drift { stale } } }",
        "{ events(filter: { state: { eq: DEAD } }) { totalCount nodes { id } } }",
        "{ unmatched(first: 500) { totalCount nodes { record { id } candidates { record { id } } } } }",
        "{ needsAttention(first: 500) { totalCount nodes { message } } }",
        "mutation { replayEvents(filter: { state: { eq: DEAD } }) { count } }",
        "mutation { discardEvents(filter: { state: { eq: DEAD } }) { count } }",
    ];
    let mut attempts: Vec<Attempt> = plain.map(|query| (query.to_owned(), json!({}))).into();
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
        attempts.push((query, json!({ "ids": hidden })));
    }
    for name in ["linkRecords", "unlinkRecords"] {
        let query = format!(
            "mutation ($r: ID!, $o: ID!) {{ {name}(receivable: $r, opportunity: $o) {{ id }} }}"
        );
        for (invoice_of, deal_of) in [(OTHER, OTHER), (ONE, OTHER), (OTHER, ONE)] {
            let invoice = record_id(invoice_of, "custobj_1");
            let deal = won_deal_id(deal_of, "oppo_3");
            attempts.push((query.clone(), json!({ "r": invoice, "o": deal })));
        }
    }
    attempts
}

/// With cursors that the other tenant was given.
async fn by_cursor(world: &World, other: &str) -> Vec<Attempt> {
    let mut attempts = Vec::new();
    for list in LISTS {
        let query = format!("{{ {list}(first: 1) {{ pageInfo {{ endCursor }} }} }}");
        let found = world.data(other, &query, json!({})).await;
        let cursor = found[list]["pageInfo"]["endCursor"].as_str();
        assert!(cursor.is_some(), "{list}: {found}");
        let shown = match list {
            "changes" => "closeId recordId",
            "unmatched" => "kind",
            "needsAttention" => "message",
            _ => "id",
        };
        let query = format!(
            "query ($a: String!) {{ {list}(first: 5, after: $a) {{ nodes {{ {shown} }} }} }}"
        );
        attempts.push((query, json!({ "a": cursor })));
        if !["changes", "unmatched", "needsAttention"].contains(&list) {
            let query = format!(
                "query ($b: String!) {{ {list}(last: 5, before: $b) {{ totalCount nodes {{ id }} pageInfo {{ hasNextPage hasPreviousPage }} }} }}"
            );
            attempts.push((query, json!({ "b": cursor })));
        }
    }
    attempts
}

/// The status, the headers and the body of an answer, but for what names the request.
async fn answer(world: &World, token: &str, (query, variables): &Attempt) -> Value {
    let body = json!({ "query": query, "variables": variables }).to_string();
    let request = Request::post("/graphql")
        .header(header::AUTHORIZATION, format!("Bearer {token}"))
        .header(header::CONTENT_TYPE, "application/json")
        .header("x-request-id", "attempt")
        .body(Body::from(body))
        .unwrap();
    let response = world.send(request).await;
    let status = response.status().as_u16();
    let headers: Vec<String> = response
        .headers()
        .iter()
        .map(|pair| format!("{pair:?}"))
        .collect();
    json!({ "status": status, "headers": headers, "body": read(response).await })
}

/// Deletes all that there is of a connection.
async fn forget(world: &World, connection: Uuid) {
    let tables: Vec<String> = sqlx::query_scalar(
        "select c.table_name::text from information_schema.columns c
           join information_schema.tables t using (table_schema, table_name)
          where c.table_schema = 'public' and c.column_name = 'connection_id' and t.table_type = 'BASE TABLE'
          union select 'connection'",
    )
    .fetch_all(&world.pool)
    .await
    .unwrap();
    for table in tables {
        let column = if table == "connection" {
            "id"
        } else {
            "connection_id"
        };
        let statement = format!("delete from {table} where {column} = '{connection}'");
        sqlx::query(sqlx::AssertSqlSafe(statement))
            .execute(&world.pool)
            .await
            .unwrap();
    }
}

/// What of a connection a stranger's decisions could have changed.
async fn decided(world: &World, connection: Uuid) -> Vec<String> {
    sqlx::query_scalar(
        "select 'event ' || state || ' ' || count(*) from event where connection_id = $1 group by state
         union all select 'link ' || count(*) from link where connection_id = $1
         union all select 'mapping ' || state from invoice_mapping where connection_id = $1
         order by 1",
    )
    .bind(connection)
    .fetch_all(&world.pool)
    .await
    .unwrap()
}

#[tokio::test]
async fn no_attempt_tells_whether_another_tenant_is_there() {
    let world = World::new().await;
    for (connection, size) in [(ONE, 40), (OTHER, 70)] {
        world.seed(connection, size).await;
        world.seed_invoices(connection, size).await;
    }
    for statement in SECRETS {
        sqlx::query(statement)
            .bind(OTHER)
            .bind(record_id(OTHER, "lead_secret"))
            .execute(&world.pool)
            .await
            .unwrap();
    }
    told(&world, ONE, "lead_1").await;
    told(&world, OTHER, "lead_1").await;
    told(&world, ONE, "lead_2").await;
    let hidden: Vec<Uuid> = sqlx::query_scalar(
        "select id from connection where id = $1
         union all (select id from event where connection_id = $1 limit 1)
         union all (select id from sync_run where connection_id = $1 limit 1)
         union all (select record_id from tombstone where connection_id = $1)
         union all select id from unnest($2::uuid[]) id",
    )
    .bind(OTHER)
    .bind(
        RECORDS
            .map(|(_, close_id)| record_id(OTHER, close_id))
            .to_vec(),
    )
    .fetch_all(&world.pool)
    .await
    .unwrap();
    let curious = world.token_of(&[ONE], Role::Operator, None).await;
    let other = world.token_of(&[OTHER], Role::Operator, None).await;
    let mut attempts = by_id(&hidden);
    attempts.extend(by_content(&hidden));
    attempts.extend(by_cursor(&world, &other).await);
    // The other tenant learns something by each kind of attempt: they are not void.
    let seen = answer(&world, &other, &attempts[0]).await;
    assert!(seen["body"]["data"]["company"]["id"].is_string(), "{seen}");

    let before = decided(&world, OTHER).await;
    let mut there = Vec::new();
    for attempt in &attempts {
        there.push(answer(&world, &curious, attempt).await);
    }
    assert_eq!(decided(&world, OTHER).await, before);
    forget(&world, OTHER).await;
    for (attempt, there) in attempts.iter().zip(&there) {
        let gone = answer(&world, &curious, attempt).await;
        assert_eq!(&gone, there, "{attempt:?}");
        for secret in [
            OTHER.to_string(),
            "green".to_owned(),
            "Kryptonite Ltd".to_owned(),
        ] {
            assert!(!there.to_string().contains(&secret), "{attempt:?}: {there}");
        }
    }
}
