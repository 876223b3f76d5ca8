//! Documents that are known beforehand, and those that a client sends once.

use crate::world::{ONE, OTHER, World, read};
use assert_cmd::Command;
use axum::body::Body;
use axum::http::{Request, StatusCode, header};
use closegraph_api::Documents;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use std::fs::{create_dir, write};
use tempfile::TempDir;

const PAGE: &str = "query Page($first: Int) { companies(first: $first) { nodes { ...card } } }\n";
const CARD: &str = "# Fragments alone.\nfragment card on Company { closeId ...named }\n\nfragment named on Company { name }\n";
const TWO: &str = "query Zones { connections { id } }\nquery Known { __typename }\n";

/// A folder of documents with fragments in a folder of their own, and a bound.
fn folder() -> TempDir {
    let folder = TempDir::new().unwrap();
    create_dir(folder.path().join("parts")).unwrap();
    for (name, text) in [
        ("page.graphql", PAGE),
        ("parts/card.graphql", CARD),
        ("two.gql", TWO),
        ("bounds.toml", "[Page]\nfirst = 10\n"),
    ] {
        write(folder.path().join(name), text).unwrap();
    }
    folder
}

fn sha256(text: &str) -> String {
    hex::encode(Sha256::digest(text))
}

async fn send(world: &World, token: &str, body: Value) -> (StatusCode, Value) {
    let request = Request::post("/graphql")
        .header(header::AUTHORIZATION, format!("Bearer {token}"))
        .header(header::CONTENT_TYPE, "application/json")
        .body(Body::from(body.to_string()))
        .unwrap();
    let response = world.send(request).await;
    (response.status(), read(response).await)
}

async fn get(world: &World, token: &str, parameters: &[(&str, &str)]) -> Value {
    let url = url::Url::parse_with_params("http://a/graphql", parameters).unwrap();
    let request = Request::get(url.as_str())
        .header(header::AUTHORIZATION, format!("Bearer {token}"))
        .body(Body::empty());
    read(world.send(request.unwrap()).await).await
}

fn code(answer: &Value) -> &str {
    answer["errors"][0]["extensions"]["code"]
        .as_str()
        .unwrap_or_default()
}

fn by_hash(hash: &str) -> Value {
    json!({ "persistedQuery": { "version": 1, "sha256Hash": hash } })
}

#[tokio::test]
async fn a_trusted_document_is_answered_by_name_and_by_hash_within_its_bounds() {
    let folder = folder();
    let world = World::knowing(folder.path(), true).await;
    world.seed(ONE, 20).await;
    let token = world.token(&[ONE]).await;
    let documents = Documents::read(folder.path()).unwrap();
    let page = documents.operations().find(|one| one.name == "Page");
    let hash = page.unwrap().hash.clone();

    let few = json!({ "first": 3 });
    for named in [
        json!({ "documentId": "Page", "variables": few }),
        json!({ "documentId": hash, "variables": few }),
        json!({ "documentId": format!("sha256:{hash}"), "variables": few }),
        json!({ "extensions": by_hash(&hash), "variables": few }),
        json!({ "query": page.unwrap().text, "variables": few }),
    ] {
        let (_, answer) = send(&world, &token, named).await;
        let nodes = answer["data"]["companies"]["nodes"].as_array();
        assert_eq!(nodes.map(Vec::len), Some(3), "{answer}");
        assert!(nodes.unwrap()[0].get("name").is_some(), "{answer}");
    }
    let answer = get(
        &world,
        &token,
        &[("documentId", "Page"), ("variables", r#"{"first":2}"#)],
    );
    assert_eq!(
        answer.await["data"]["companies"]["nodes"]
            .as_array()
            .unwrap()
            .len(),
        2
    );
    let second = json!({ "documentId": sha256(TWO), "operationName": "Known" });
    assert_eq!(
        send(&world, &token, second).await.1["data"]["__typename"],
        "Query"
    );
}

#[tokio::test]
async fn what_is_not_trusted_is_refused() {
    let folder = folder();
    let world = World::knowing(folder.path(), true).await;
    let token = world.token(&[ONE]).await;
    for (body, status, expected) in [
        (
            json!({ "documentId": "Page", "variables": { "first": 11 } }),
            400,
            "VARIABLE_BOUND",
        ),
        (
            json!({ "documentId": "Nothing" }),
            400,
            "DOCUMENT_NOT_FOUND",
        ),
        (
            json!({ "documentId": "Page", "operationName": "Known" }),
            400,
            "DOCUMENT_NOT_FOUND",
        ),
        (
            json!({ "documentId": "Page", "query": PAGE }),
            400,
            "BAD_REQUEST",
        ),
        (
            json!({ "query": "{ connections { id } }" }),
            403,
            "DOCUMENT_NOT_TRUSTED",
        ),
        (
            json!({ "query": "{ a }", "extensions": by_hash(&sha256("{ a }")) }),
            403,
            "DOCUMENT_NOT_TRUSTED",
        ),
        (
            json!({ "extensions": by_hash(&sha256("{ a }")) }),
            403,
            "DOCUMENT_NOT_TRUSTED",
        ),
    ] {
        let (found, answer) = send(&world, &token, body.clone()).await;
        assert_eq!(
            (found.as_u16(), code(&answer)),
            (status, expected),
            "{body}: {answer}"
        );
    }
}

#[tokio::test]
async fn a_document_that_was_sent_with_its_hash_is_known_by_it() {
    let world = World::new().await;
    world.seed(ONE, 5).await;
    let token = world.token(&[ONE]).await;
    let text = "query Size { companies { totalCount } }";
    let hash = sha256(text);
    let (status, answer) = send(&world, &token, json!({ "extensions": by_hash(&hash) })).await;
    assert_eq!(
        (status, code(&answer)),
        (StatusCode::OK, "PERSISTED_QUERY_NOT_FOUND")
    );
    assert_eq!(answer["errors"][0]["message"], "PersistedQueryNotFound");

    let wrong = json!({ "query": text, "extensions": by_hash(&sha256("{ a }")) });
    let (status, answer) = send(&world, &token, wrong).await;
    assert_eq!(
        (status, code(&answer)),
        (StatusCode::BAD_REQUEST, "PERSISTED_QUERY_MISMATCH")
    );
    let odd = json!({ "extensions": { "persistedQuery": { "version": 2, "sha256Hash": hash } } });
    assert_eq!(code(&send(&world, &token, odd).await.1), "BAD_REQUEST");

    // What does not parse, or exceeds a limit, is not kept.
    let large = format!("{{ {} }}", "a ".repeat(5_000));
    let both = json!({ "query": large, "extensions": by_hash(&sha256(&large)) });
    assert_eq!(code(&send(&world, &token, both).await.1), "TOKEN_LIMIT");
    let again = json!({ "extensions": by_hash(&sha256(&large)) });
    assert_eq!(
        code(&send(&world, &token, again).await.1),
        "PERSISTED_QUERY_NOT_FOUND"
    );

    let both = json!({ "query": text, "extensions": by_hash(&hash) });
    assert_eq!(
        send(&world, &token, both).await.1["data"]["companies"]["totalCount"],
        5
    );
    let (_, answer) = send(&world, &token, json!({ "extensions": by_hash(&hash) })).await;
    assert_eq!(answer["data"]["companies"]["totalCount"], 5);
    let extensions = by_hash(&hash).to_string();
    let answer = get(&world, &token, &[("extensions", &extensions)]).await;
    assert_eq!(answer["data"]["companies"]["totalCount"], 5, "{answer}");

    // That it was sent, another tenant does not learn.
    world.seed(OTHER, 1).await;
    let other = world.token(&[OTHER]).await;
    let (_, answer) = send(&world, &other, json!({ "extensions": by_hash(&hash) })).await;
    assert_eq!(code(&answer), "PERSISTED_QUERY_NOT_FOUND");
}

#[test]
fn a_folder_is_checked_against_the_schema_with_the_place_of_each_fault() {
    let check = |folder: &TempDir| {
        let mut command = Command::new(closegraph_tests::program().unwrap());
        let command = command.env_clear().args(["documents", "check"]);
        let output = command.arg(folder.path()).output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        let prefix = format!("{}/", folder.path().display());
        (output.status.code(), text.replace(&prefix, ""))
    };
    let good = folder();
    let (status, listed) = check(&good);
    assert_eq!(status, Some(0), "{listed}");
    assert!(
        listed.contains(&format!("{}  Known", sha256(TWO))),
        "{listed}"
    );

    let bad = folder();
    for (name, text) in [
        ("broken.graphql", "query Broken {\n  companies {"),
        (
            "field.graphql",
            "query Field {\n  companies { nodes { ...odd } }\n  nothing\n}",
        ),
        (
            "parts/odd.graphql",
            "fragment card2 on Company { id }\n\n  fragment odd on Company {\n  neverHeardOf\n}\n",
        ),
        ("nameless.graphql", "\n{ connections { id } }"),
        ("same.graphql", "query Known { __typename }"),
        ("bounds.toml", "[Page]\nlast = 10\n[Gone]\nfirst = 1\n"),
    ] {
        write(bad.path().join(name), text).unwrap();
    }
    let (status, faults) = check(&bad);
    assert_eq!(status, Some(1), "{faults}");
    for expected in [
        "broken.graphql:2:",
        "field.graphql:3:3: Unknown field \"nothing\"",
        "parts/odd.graphql:4:3: Unknown field \"neverHeardOf\"",
        "nameless.graphql:2:1: the operation has no name",
        "two.gql:2:1: another operation is named Known",
        "bounds.toml: Page has no variable last",
        "bounds.toml: no operation is named Gone",
    ] {
        assert!(faults.contains(expected), "{expected}: {faults}");
    }
    let empty = TempDir::new().unwrap();
    let (status, faults) = check(&empty);
    assert_eq!(status, Some(1));
    assert!(faults.contains("no .graphql file"), "{faults}");
}
