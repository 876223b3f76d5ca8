//! Who may ask what: each root field and each route, by each caller, against `tests/authorization.txt`.

use crate::changes::told;
use crate::world::{ONE, OTHER, World, read};
use axum::body::Body;
use axum::http::{Request, Response, StatusCode, header};
use chrono::{Days, Utc};
use closegraph_entity::api_token::Role;
use closegraph_entity::record::{record_id, won_deal_id};
use futures::StreamExt;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::time::Duration;
use uuid::Uuid;

const TABLE: &str = include_str!("../../authorization.txt");
const PLACE: &str = "tests/authorization.txt";
/// Columns between the name and how it is asked, one a caller.
const CALLERS: [&str; 7] = [
    "no token",
    "revoked",
    "expired",
    "viewer",
    "operator",
    "admin",
    "elsewhere",
];

/// A row of the table.
struct Row<'a> {
    kind: &'a str,
    name: &'a str,
    expected: Vec<&'a str>,
    asked: String,
}

/// The rows, with ids in the place of their names.
fn rows(ids: &[(&str, Uuid)]) -> Vec<Row<'static>> {
    let mut lines = TABLE
        .lines()
        .filter(|line| !line.is_empty() && !line.starts_with('#'));
    let heading = format!("kind | name | {} | asked as", CALLERS.join(" | "));
    assert_eq!(lines.next(), Some(heading.as_str()), "{PLACE}");
    let row = |line: &'static str| {
        let cells: Vec<&str> = line.split(" | ").map(str::trim).collect();
        assert_eq!(cells.len(), CALLERS.len() + 3, "{PLACE}: {line}");
        let asked = ids.iter().fold(cells[9].to_owned(), |asked, (name, id)| {
            asked.replace(&format!("{{{name}}}"), &id.to_string())
        });
        Row {
            kind: cells[0],
            name: cells[1],
            expected: cells[2..9].to_vec(),
            asked,
        }
    };
    lines.map(row).collect()
}

/// A world with something behind every field, another connection with nothing, and a token for each caller.
struct Arena {
    world: World,
    tokens: [Option<String>; 7],
    ids: Vec<(&'static str, Uuid)>,
}

impl Arena {
    async fn new() -> Self {
        let mut world = World::new().await;
        world.serve_everything();
        world.seed(ONE, 30).await;
        world.seed_invoices(ONE, 30).await;
        told(&world, ONE, "lead_1").await;
        sqlx::query(
            "insert into connection (id, source, auth_method, status, organization_id, currency, base_url)
             values ($1, 'close', 'api_key', 'active', 'orga_other', 'USD', 'http://localhost/')",
        )
        .bind(OTHER)
        .execute(&world.pool)
        .await
        .unwrap();
        for statement in [
            // Of both the log was read just now: nothing of the other is worth attention.
            "insert into sync_checkpoint (connection_id, stream, position) select id, 'event_log', '{}' from connection",
            // What a mapping can be tried on.
            "update custom_record set raw = raw || '{\"name\": \"1\", \"custom_object_type_id\": \"cotype_1\", \"custom.cf_po\": \"12\"}'",
        ] {
            sqlx::query(statement).execute(&world.pool).await.unwrap();
        }
        let revoked = world.token(&[ONE]).await;
        sqlx::query("update api_token set revoked_at = now()")
            .execute(&world.pool)
            .await
            .unwrap();
        let yesterday = Utc::now() - Days::new(1);
        let of = async |connection, role| Some(world.token_of(&[connection], role, None).await);
        let tokens = [
            None,
            Some(revoked),
            Some(world.token_of(&[ONE], Role::Admin, Some(yesterday)).await),
            of(ONE, Role::Viewer).await,
            of(ONE, Role::Operator).await,
            of(ONE, Role::Admin).await,
            of(OTHER, Role::Admin).await,
        ];
        let ids = Self::ids(&world).await;
        Self { world, tokens, ids }
    }

    async fn ids(world: &World) -> Vec<(&'static str, Uuid)> {
        let (event, run, token): (Uuid, Uuid, Uuid) = sqlx::query_as(
            "select (select id from event order by seq limit 1), (select id from sync_run limit 1),
                    (select id from api_token order by created_at limit 1)",
        )
        .fetch_one(&world.pool)
        .await
        .unwrap();
        vec![
            ("one", ONE),
            ("company", record_id(ONE, "lead_1")),
            ("person", record_id(ONE, "cont_1")),
            ("deal", record_id(ONE, "oppo_3")),
            ("won", won_deal_id(ONE, "oppo_3")),
            ("invoice", record_id(ONE, "custobj_1")),
            ("member", record_id(ONE, "user_1")),
            ("event", event),
            ("run", run),
            ("token", token),
        ]
    }

    /// What becomes of a row for a caller.
    async fn outcome(&self, row: &Row<'_>, token: Option<&str>) -> String {
        match row.kind {
            "route" => self.route(&row.asked, token).await,
            "subscription" => self.stream(&row.asked, token).await,
            kind => {
                if kind == "mutation" {
                    self.put_back().await;
                }
                self.field(&format!("{kind} {{ {} }}", row.asked), token)
                    .await
            }
        }
    }

    /// As it was before any decision.
    async fn put_back(&self) {
        for statement in [
            "update event set state = 'dead'",
            "delete from link",
            "delete from invoice_mapping",
        ] {
            sqlx::query(statement)
                .execute(&self.world.pool)
                .await
                .unwrap();
        }
    }

    async fn send(&self, document: &str, token: Option<&str>, accept: &str) -> Response<Body> {
        let body = json!({ "query": document }).to_string();
        let request = Request::post("/graphql")
            .header(header::CONTENT_TYPE, "application/json")
            .header(header::ACCEPT, accept);
        let request = with(request, token).body(Body::from(body)).unwrap();
        self.world.send(request).await
    }

    async fn field(&self, document: &str, token: Option<&str>) -> String {
        let response = self.send(document, token, "application/json").await;
        let status = response.status();
        let answer = read(response).await;
        if status == StatusCode::UNAUTHORIZED {
            assert!(answer.get("data").is_none(), "{answer}");
            return "401".to_owned();
        }
        match answer["errors"][0]["extensions"]["code"].as_str() {
            Some(code) => {
                assert!(is_nothing(&answer["data"]), "{document}: {answer}");
                code.to_owned()
            }
            None if is_nothing(&answer["data"]) => "nothing".to_owned(),
            None => "data".to_owned(),
        }
    }

    /// Follows, while something of the connection changes, then something elsewhere.
    async fn stream(&self, asked: &str, token: Option<&str>) -> String {
        let document = format!("subscription {{ {asked} }}");
        let response = self.send(&document, token, "text/event-stream").await;
        if response.status() != StatusCode::OK {
            return response.status().as_u16().to_string();
        }
        let mut heard = response.into_body().into_data_stream();
        told(&self.world, ONE, "lead_1").await;
        told(&self.world, OTHER, "lead_1").await;
        let (mine, elsewhere) = (record_id(ONE, "lead_1"), record_id(OTHER, "lead_1"));
        let mut text = String::new();
        loop {
            if text.contains(&mine.to_string()) {
                return "data".to_owned();
            }
            if text.contains(&elsewhere.to_string()) {
                return "nothing".to_owned();
            }
            let chunk = tokio::time::timeout(Duration::from_secs(5), heard.next()).await;
            assert!(chunk.is_ok(), "nothing was pushed: {text}");
            let chunk = chunk.unwrap().unwrap().unwrap();
            text.push_str(&String::from_utf8_lossy(&chunk));
        }
    }

    async fn route(&self, asked: &str, token: Option<&str>) -> String {
        let (method, path) = asked.split_once(' ').unwrap();
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header(header::CONTENT_TYPE, "application/json");
        let body = Body::from(r#"{"query":"{__typename}"}"#);
        let request = with(request, token).body(body).unwrap();
        let response = self.world.send(request).await;
        response.status().as_u16().to_string()
    }
}

fn with(
    request: axum::http::request::Builder,
    token: Option<&str>,
) -> axum::http::request::Builder {
    match token {
        Some(token) if token.starts_with("cg_") => {
            request.header(header::AUTHORIZATION, format!("Bearer {token}"))
        }
        // The cookie of a session.
        Some(secret) => request
            .header(header::COOKIE, format!("closegraph={secret}"))
            .header("sec-fetch-site", "same-origin"),
        None => request,
    }
}

/// Whether an answer shows nothing but that there is nothing, or the connection elsewhere.
fn is_nothing(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Bool(is) => !is,
        Value::Number(number) => number.as_f64() == Some(0.0),
        Value::String(text) => text.is_empty() || text == "0" || *text == OTHER.to_string(),
        Value::Array(values) => values.iter().all(is_nothing),
        Value::Object(fields) => fields.values().all(is_nothing),
    }
}

/// The names of all root fields, as the schema tells them.
async fn fields(arena: &Arena) -> BTreeSet<(String, String)> {
    let names = "{ fields { name } }";
    let document = format!(
        "{{ __schema {{ query: queryType {names} mutation: mutationType {names} subscription: subscriptionType {names} }} }}"
    );
    let token = arena.tokens[3].as_deref().unwrap();
    let schema = arena.world.data(token, &document, json!({})).await;
    let kinds = ["query", "mutation", "subscription"];
    let named = kinds.into_iter().flat_map(|kind| {
        let fields = schema["__schema"][kind]["fields"].as_array().unwrap();
        let name = |field: &Value| (kind.to_owned(), field["name"].as_str().unwrap().to_owned());
        fields.iter().map(name).collect::<Vec<_>>()
    });
    named.collect()
}

/// The paths of all routes. The router tells them only in its debug output: `RouteId(0): "/graphql"`.
fn paths(world: &World) -> BTreeSet<(String, String)> {
    let shown = world.routes();
    let named = shown.split("RouteId(").filter_map(|part| {
        let path = part.split_once("): \"")?.1;
        let path = path.split_once('"')?.0;
        // What answers for all other paths; it shows itself as "/", too.
        if path.starts_with("/{*__private__axum") {
            return None;
        }
        Some(("route".to_owned(), path.to_owned()))
    });
    let paths: BTreeSet<_> = named.collect();
    assert!(
        paths.len() >= 7,
        "the router is shown otherwise now: {shown}"
    );
    paths
}

#[tokio::test]
async fn every_field_and_route_has_its_row() {
    let arena = Arena::new().await;
    let mut there = fields(&arena).await;
    there.extend(paths(&arena.world));
    let known: BTreeSet<_> = rows(&[])
        .iter()
        .map(|row| (row.kind.to_owned(), row.name.to_owned()))
        .collect();
    let missing: Vec<String> = there
        .difference(&known)
        .map(|(kind, name)| {
            format!("{kind} | {name} | 401 | 401 | 401 | ? | ? | ? | nothing | {name} {{ … }}")
        })
        .collect();
    assert!(
        missing.is_empty(),
        "{PLACE} has no row for what follows: add one for each, and say in it who may ask\n{}",
        missing.join("\n")
    );
    let gone: Vec<_> = known.difference(&there).collect();
    assert!(
        gone.is_empty(),
        "{PLACE} has rows for what is gone: {gone:?}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_caller_gets_what_the_table_says() {
    let arena = Arena::new().await;
    let mut wrong = Vec::new();
    for row in rows(&arena.ids) {
        for ((caller, token), expected) in CALLERS.iter().zip(&arena.tokens).zip(&row.expected) {
            let outcome = arena.outcome(&row, token.as_deref()).await;
            if outcome != *expected {
                let (kind, name, asked) = (row.kind, row.name, &row.asked);
                wrong.push(format!(
                    "{kind} {name} ({asked}) by {caller}: {outcome}, where the table says {expected}"
                ));
            }
        }
    }
    assert!(wrong.is_empty(), "{PLACE}:\n{}", wrong.join("\n"));
}

/// Roots of each kind: what anybody reads, what only some may ask or do, what is pushed.
const SAMPLE: [&str; 9] = [
    "accessLog",
    "changes",
    "companies",
    "company",
    "invoiceMapping",
    "tokens",
    "createToken",
    "linkRecords",
    "revenue",
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_session_gets_what_the_table_says_of_its_token() {
    let arena = Arena::new().await;
    let mut sessions = Vec::new();
    for token in arena.tokens.iter().skip(3).flatten() {
        let mut browser = arena.world.browser();
        browser.sign_in(token).await;
        sessions.push(browser.cookies["closegraph"].clone());
    }
    let rows = rows(&arena.ids);
    let sample = rows.iter().filter(|row| SAMPLE.contains(&row.name));
    let mut asked = 0;
    for row in sample {
        for (session, expected) in sessions.iter().zip(row.expected.iter().skip(3)) {
            let outcome = arena.outcome(row, Some(session)).await;
            assert_eq!(outcome, *expected, "{} {} by a session", row.kind, row.name);
            asked += 1;
        }
    }
    assert_eq!(
        asked,
        4 * (SAMPLE.len() + 1),
        "changes is asked and followed"
    );
}
