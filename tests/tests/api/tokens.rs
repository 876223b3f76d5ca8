//! Tokens by GraphQL: made, listed and revoked by admins.

use crate::world::{ONE, OTHER, World, read};
use axum::Router;
use axum::body::Body;
use axum::http::{Request, StatusCode, header};
use closegraph_api::{Api, ApiOptions, router};
use closegraph_entity::api_token::Role;
use serde_json::{Value, json};
use std::time::{Duration, Instant};
use tower::ServiceExt;
use uuid::Uuid;

const CREATE: &str = "mutation ($input: CreateTokenInput!) { createToken(input: $input) {
    secret token { id name prefix role state costBudget expiresAt revokedAt lastUsedAt connections { id } } } }";
const REVOKE: &str = "mutation ($id: ID!) { revokeToken(id: $id) { id state revokedAt } }";
const LIST: &str = "query ($first: Int, $after: String) { tokens(first: $first, after: $after) { totalCount
    nodes { id name prefix role state lastUsedAt connections { id } } pageInfo { hasNextPage endCursor } } }";

impl World {
    /// A token that sees all connections.
    async fn token_of_all(&self, role: &str) -> String {
        let token = self.token(&[ONE]).await;
        sqlx::query("update api_token set connections = null, role = $2, name = 'root' where prefix = left($1, 9)")
            .bind(&token)
            .bind(role)
            .execute(&self.pool)
            .await
            .unwrap();
        token
    }
}

async fn names(world: &World, token: &str) -> Vec<String> {
    let data = world.data(token, LIST, json!({})).await;
    let nodes = data["tokens"]["nodes"].as_array().unwrap().clone();
    assert_eq!(data["tokens"]["totalCount"], nodes.len());
    let name = |node: &Value| node["name"].as_str().unwrap().to_owned();
    nodes.iter().map(name).collect()
}

async fn both() -> World {
    let world = World::new().await;
    world.seed(ONE, 3).await;
    world.seed(OTHER, 3).await;
    world
}

#[tokio::test]
async fn an_admin_makes_a_token_that_works_and_whose_secret_is_told_once() {
    let world = both().await;
    let admin = world.token_of(&[ONE], Role::Admin, None).await;
    let input = json!({ "name": " board ", "role": "OPERATOR", "costBudget": 500, "expiresAt": "2099-01-01T00:00:00Z" });
    let made = world.data(&admin, CREATE, json!({ "input": input })).await;
    let made = &made["createToken"];
    let secret = made["secret"].as_str().unwrap();
    assert_eq!(
        made["token"],
        json!({ "id": made["token"]["id"], "name": "board", "prefix": &secret[..9], "role": "OPERATOR", "state": "ACTIVE",
                "costBudget": 500, "expiresAt": "2099-01-01T00:00:00+00:00", "revokedAt": null, "lastUsedAt": null,
                "connections": [{ "id": ONE }] })
    );
    let seen = world
        .data(
            secret,
            "{ companies { totalCount } connections { id } }",
            json!({}),
        )
        .await;
    assert_eq!(
        seen,
        json!({ "companies": { "totalCount": 3 }, "connections": [{ "id": ONE }] })
    );
    let listed = world.data(&admin, LIST, json!({})).await.to_string();
    assert!(
        listed.contains(&secret[..9]) && !listed.contains(&secret[9..]),
        "{listed}"
    );
    let kept: Vec<String> = sqlx::query_scalar("select to_jsonb(t)::text from api_token t union all select to_jsonb(a)::text from access_entry a")
        .fetch_all(&world.pool)
        .await
        .unwrap();
    assert!(!kept.concat().contains(&secret[9..]), "the secret is kept");
}

#[tokio::test]
async fn no_token_sees_more_than_the_admin_who_makes_it() {
    let world = both().await;
    let admin = world.token_of(&[ONE], Role::Admin, None).await;
    let there_is_none = (
        "there is no such connection".to_owned(),
        "NOT_FOUND".to_owned(),
    );
    for foreign in [OTHER, Uuid::from_u128(99)] {
        for connections in [json!([foreign]), json!([ONE, foreign])] {
            let input = json!({ "name": "more", "role": "ADMIN", "connections": connections });
            let refused = world
                .refused(&admin, CREATE, json!({ "input": input }))
                .await;
            assert_eq!(refused, there_is_none);
        }
    }
    for (input, why) in [
        (
            json!({ "name": "x", "connections": [] }),
            "connections is empty",
        ),
        (json!({ "name": "  " }), "the name is"),
        (json!({ "name": "a\u{1b}b" }), "the name is"),
        (
            json!({ "name": "x", "costBudget": -1 }),
            "costBudget is 0 or more",
        ),
        (
            json!({ "name": "x", "expiresAt": "2020-01-01T00:00:00Z" }),
            "expiresAt has passed",
        ),
    ] {
        let (message, code) = world
            .refused(&admin, CREATE, json!({ "input": input }))
            .await;
        assert!(message.contains(why), "{message}");
        assert_eq!(code, "BAD_USER_INPUT");
    }
    let made: i64 = sqlx::query_scalar("select count(*) from api_token")
        .fetch_one(&world.pool)
        .await
        .unwrap();
    assert_eq!(made, 1, "what was refused is not made");
    let root = world.token_of_all("admin").await;
    for (given, expected) in [
        (json!({ "name": "of all" }), Value::Null),
        (
            json!({ "name": "of one", "connections": [OTHER, OTHER] }),
            json!([{ "id": OTHER }]),
        ),
    ] {
        let made = world.data(&root, CREATE, json!({ "input": given })).await;
        assert_eq!(made["createToken"]["token"]["connections"], expected);
    }
}

#[tokio::test]
async fn an_admin_sees_and_revokes_the_tokens_within_its_own_view() {
    let world = both().await;
    let admin = world.token_of(&[ONE], Role::Admin, None).await;
    let root = world.token_of_all("admin").await;
    let mut ids = Vec::new();
    for (name, connections) in [
        ("one", json!([ONE])),
        ("other", json!([OTHER])),
        ("both", json!([ONE, OTHER])),
        ("all", Value::Null),
    ] {
        let input = json!({ "name": name, "connections": connections });
        let made = world.data(&root, CREATE, json!({ "input": input })).await;
        ids.push(made["createToken"]["token"]["id"].clone());
    }
    assert_eq!(
        names(&world, &root).await,
        ["all", "both", "other", "one", "root", "test"]
    );
    assert_eq!(names(&world, &admin).await, ["one", "test"]);
    let missing = ("there is no such token".to_owned(), "NOT_FOUND".to_owned());
    for hidden in [&ids[1], &ids[2], &ids[3], &json!(Uuid::from_u128(99))] {
        assert_eq!(
            world.refused(&admin, REVOKE, json!({ "id": hidden })).await,
            missing
        );
    }
    let first = world.data(&admin, REVOKE, json!({ "id": ids[0] })).await;
    assert_eq!(first["revokeToken"]["state"], "REVOKED");
    let again = world.data(&admin, REVOKE, json!({ "id": ids[0] })).await;
    assert_eq!(again, first, "the first time stays");
}

#[tokio::test]
async fn tokens_are_paged_by_keyset() {
    let world = both().await;
    let root = world.token_of_all("admin").await;
    for _ in 0..4 {
        world.token(&[ONE]).await;
    }
    // At one instant, so that the id decides.
    sqlx::query("update api_token set created_at = '2026-01-01Z'")
        .execute(&world.pool)
        .await
        .unwrap();
    let whole = world.data(&root, LIST, json!({})).await;
    let (mut seen, mut after) = (Vec::new(), Value::Null);
    loop {
        let page = world
            .data(&root, LIST, json!({ "first": 2, "after": after }))
            .await;
        seen.extend(page["tokens"]["nodes"].as_array().unwrap().clone());
        after = page["tokens"]["pageInfo"]["endCursor"].clone();
        if page["tokens"]["pageInfo"]["hasNextPage"] == false {
            break;
        }
    }
    assert_eq!(json!(seen), whole["tokens"]["nodes"]);
    assert_eq!(seen.len(), 5);
    let (_, code) = world
        .refused(&root, LIST, json!({ "after": "bm90IG91cnM" }))
        .await;
    assert_eq!(code, "BAD_CURSOR");
}

/// A process that would believe a token for an hour, if it heard nothing.
fn process(world: &World) -> Router {
    let options = ApiOptions {
        token_cache: Duration::from_secs(3_600),
        cache_bytes: 1024 * 1024,
        ..ApiOptions::default()
    };
    router(Api::new(world.pool.clone(), options, String::new))
}

async fn send(process: &Router, token: &str, query: &str, variables: Value) -> (StatusCode, Value) {
    let request = Request::post("/graphql")
        .header(header::AUTHORIZATION, format!("Bearer {token}"))
        .header(header::CONTENT_TYPE, "application/json")
        .body(Body::from(
            json!({ "query": query, "variables": variables }).to_string(),
        ))
        .unwrap();
    let response = process.clone().oneshot(request).await.unwrap();
    (response.status(), read(response).await)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn all_processes_refuse_a_revoked_token_at_once() {
    let world = both().await;
    let admin = world.token_of(&[ONE], Role::Admin, None).await;
    let victim = world.token(&[ONE]).await;
    let processes = [process(&world), process(&world)];
    const ASKED: &str = "{ companies { totalCount } }";
    for process in &processes {
        // Kept answers among them: who may not ask is not told those either.
        let begun = Instant::now();
        while send(process, &victim, ASKED, json!({})).await.1["extensions"]["cache"] != "hit" {
            assert!(begun.elapsed() < Duration::from_secs(5), "nothing is kept");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
    let id: Uuid = sqlx::query_scalar("select id from api_token where prefix = left($1, 9)")
        .bind(&victim)
        .fetch_one(&world.pool)
        .await
        .unwrap();
    let (_, revoked) = send(&processes[0], &admin, REVOKE, json!({ "id": id })).await;
    assert_eq!(
        revoked["data"]["revokeToken"]["state"], "REVOKED",
        "{revoked}"
    );
    assert!(
        revoked["extensions"].get("cache").is_none(),
        "decisions are not kept"
    );
    let committed = Instant::now();
    for process in &processes {
        while send(process, &victim, ASKED, json!({})).await.0 != StatusCode::UNAUTHORIZED {
            assert!(
                committed.elapsed() < Duration::from_secs(1),
                "still believed"
            );
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }
    for process in &processes {
        assert_eq!(
            send(process, &admin, ASKED, json!({})).await.0,
            StatusCode::OK
        );
    }
}

#[tokio::test]
async fn the_last_use_is_written_in_batches_and_leaves_kept_answers_alone() {
    let world = both().await;
    let admin = world.token_of(&[ONE], Role::Admin, None).await;
    let viewer = world.token(&[ONE]).await;
    let process = process(&world);
    let before = chrono::Utc::now();
    for _ in 0..20 {
        send(&process, &viewer, "{ companies { totalCount } }", json!({})).await;
    }
    let begun = Instant::now();
    let used = loop {
        let (_, answer) = send(&process, &admin, LIST, json!({})).await;
        let used = answer["data"]["tokens"]["nodes"][0]["lastUsedAt"]
            .as_str()
            .map(str::to_owned);
        if let Some(used) = used {
            break used;
        }
        assert!(begun.elapsed() < Duration::from_secs(10), "{answer}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    };
    let used: chrono::DateTime<chrono::Utc> = used.parse().unwrap();
    assert!(used >= before && used <= chrono::Utc::now(), "{used}");
    let rows: i64 = sqlx::query_scalar("select count(*) from token_use")
        .fetch_one(&world.pool)
        .await
        .unwrap();
    assert_eq!(rows, 2, "one a token");
    send(&process, &viewer, "{ companies { totalCount } }", json!({})).await;
    let (_, kept) = send(&process, &viewer, "{ companies { totalCount } }", json!({})).await;
    assert_eq!(kept["extensions"]["cache"], "hit", "{kept}");
}
