//! The OAuth app for REST, and users who are no admins.

use std::time::Duration;

use reqwest::redirect::Policy;
use serde_json::{Value, json};
use url::Url;

use crate::harness::{Sim, config, start};

const CALLBACK: &str = "https://mirror.example/callback";

async fn post(sim: &Sim, path: &str, form: &[(&str, &str)]) -> reqwest::Response {
    let http = reqwest::Client::builder().redirect(Policy::none());
    let root = sim.simulator.mcp_url().join("/").unwrap();
    let body = url::form_urlencoded::Serializer::new(String::new())
        .extend_pairs(form)
        .finish();
    let request = http.build().unwrap().post(root.join(path).unwrap());
    request.body(body).send().await.unwrap()
}

/// Tokens for a code that a person allows, without PKCE, which Close does not ask of apps.
async fn tokens(sim: &Sim, secret: &str) -> (u16, Value) {
    let (client_id, _) = sim.simulator.oauth_client();
    let form = [
        ("client_id", client_id),
        ("redirect_uri", CALLBACK),
        ("response_type", "code"),
        ("scope", "all.full_access offline_access mcp.read"),
        ("state", "a state"),
        ("organization_id", sim.simulator.organization_id()),
        ("decision", "allow"),
    ];
    let allowed = post(sim, "oauth2/authorize/", &form).await;
    let back = Url::parse(allowed.headers()["location"].to_str().unwrap()).unwrap();
    let code = back.query_pairs().find(|(name, _)| name == "code").unwrap();
    let form = [
        ("client_id", client_id),
        ("client_secret", secret),
        ("grant_type", "authorization_code"),
        ("redirect_uri", CALLBACK),
        ("code", &*code.1),
    ];
    let answer = post(sim, "oauth2/token/", &form).await;
    (answer.status().as_u16(), answer.json().await.unwrap())
}

async fn me(sim: &Sim, token: &str) -> u16 {
    let url = format!("{}me/", sim.simulator.base_url());
    let asked = sim.client.get(url).bearer_auth(token).send().await;
    asked.unwrap().status().as_u16()
}

#[tokio::test]
async fn an_app_gets_tokens_of_rest_with_its_secret_until_they_are_revoked() {
    let sim = start(config()).await;
    let (client_id, secret) = sim.simulator.oauth_client();
    let (status, refused) = tokens(&sim, "guessed").await;
    assert_eq!((status, &refused["error"]), (401, &json!("invalid_client")));
    let (status, granted) = tokens(&sim, secret).await;
    assert_eq!(status, 200, "{granted}");
    assert_eq!(granted["scope"], "all.full_access offline_access");
    assert_eq!(granted["organization_id"], sim.simulator.organization_id());
    assert_eq!(granted["expires_in"], 3_600);
    let token = granted["access_token"].as_str().unwrap();
    assert_eq!(me(&sim, token).await, 200);
    let mcp = sim.client.post(sim.simulator.mcp_url()).bearer_auth(token);
    assert_eq!(mcp.send().await.unwrap().status(), 403);

    let refresh = granted["refresh_token"].as_str().unwrap();
    let form = |secret| {
        [
            ("client_id", client_id),
            ("client_secret", secret),
            ("token", refresh),
        ]
    };
    let other = post(&sim, "oauth2/revoke/", &form("guessed")).await;
    assert_eq!((other.status().as_u16(), me(&sim, token).await), (401, 200));
    let done = post(&sim, "oauth2/revoke/", &form(secret)).await;
    assert_eq!((done.status().as_u16(), me(&sim, token).await), (200, 401));
}

#[tokio::test]
async fn a_user_who_is_no_admin_sees_less() {
    let sim = start(config()).await;
    let get = async |path: &str| -> (u16, Value) {
        let url = format!("{}{path}", sim.simulator.base_url());
        let key = sim.simulator.member_api_key();
        let answer = sim.client.get(url).basic_auth(key, Some("")).send().await;
        let answer = answer.unwrap();
        (answer.status().as_u16(), answer.json().await.unwrap())
    };
    let (_, me) = get("me/").await;
    assert_eq!(me["memberships"][0]["role_id"], "user");
    assert_eq!(me["memberships"][0]["permissions_granted"], json!([]));
    let admin = sim.get("me/").await.ok();
    assert_eq!(admin["memberships"][0]["role_id"], "admin");

    sim.send("POST", "lead/", json!({ "name": "New" }))
        .await
        .ok();
    let (_, log) = get("event/").await;
    assert_eq!(log["data"][0]["data"]["name"], "New");
    sim.simulator.advance(Duration::from_secs(3_700));
    let (_, log) = get("event/").await;
    let event = log["data"][0].as_object().unwrap();
    assert!(!event.contains_key("data") && !event.contains_key("previous_data"));
    let log = sim.get("event/").await.ok();
    assert_eq!(log["data"][0]["data"]["name"], "New");

    let hook = json!({ "url": "https://hooks.example/", "events": [{ "object_type": "lead", "action": "created" }] });
    let hook = sim.send("POST", "webhook/", hook).await.ok();
    assert_eq!(get("webhook/").await.1["data"], json!([]));
    let path = format!("webhook/{}/", hook["id"].as_str().unwrap());
    assert_eq!(get(&path).await.0, 403);
}
