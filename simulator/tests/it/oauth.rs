//! The authorization server and the MCP server behind it.

use std::collections::HashSet;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use reqwest::redirect::Policy;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use url::Url;

use crate::harness::{Got, Sim, config, start};

const CALLBACK: &str = "http://127.0.0.1:9/callback";
const VERIFIER: &str = "a-verifier-of-the-length-that-the-standard-wants";
const READ: &str = "mcp.read offline_access";

/// A client of the simulator that does not follow redirects.
struct Asking<'s> {
    sim: &'s Sim,
    http: reqwest::Client,
    root: Url,
    client_id: String,
}

impl<'s> Asking<'s> {
    async fn new(sim: &'s Sim) -> Self {
        let mut asking = Self {
            sim,
            http: reqwest::Client::builder()
                .redirect(Policy::none())
                .build()
                .unwrap(),
            root: sim.simulator.mcp_url().join("/").unwrap(),
            client_id: String::new(),
        };
        let body = json!({ "client_name": "A <mirror>", "redirect_uris": [CALLBACK] });
        let request = asking.http.post(asking.url("oauth2/register/")).json(&body);
        let answer = request.send().await.unwrap();
        assert_eq!(answer.status(), 201);
        let answer: Value = answer.json().await.unwrap();
        assert!(answer.get("client_secret").is_none());
        asking.client_id = answer["client_id"].as_str().unwrap().to_owned();
        asking
    }

    fn url(&self, path: &str) -> Url {
        self.root.join(path).unwrap()
    }

    fn request(&self, scope: &str) -> Vec<(&'static str, String)> {
        let challenge = URL_SAFE_NO_PAD.encode(Sha256::digest(VERIFIER));
        vec![
            ("client_id", self.client_id.clone()),
            ("redirect_uri", CALLBACK.into()),
            ("response_type", "code".into()),
            ("scope", scope.into()),
            ("state", "a state".into()),
            ("code_challenge", challenge),
            ("code_challenge_method", "S256".into()),
            ("resource", self.root.to_string()),
        ]
    }

    /// Where a decision sends the person back to.
    async fn decide(&self, scope: &str, decision: &str) -> Url {
        let id = self.sim.simulator.organization_id().to_owned();
        let mut form = self.request(scope);
        form.extend([("organization_id", id), ("decision", decision.into())]);
        let answer = self.form("oauth2/authorize/", &form).await;
        assert_eq!(answer.status(), 302);
        let location = answer.headers()["location"].to_str().unwrap();
        Url::parse(location).unwrap()
    }

    async fn code(&self, scope: &str) -> String {
        let back = self.decide(scope, "allow").await;
        assert!(back.as_str().starts_with(CALLBACK));
        assert_eq!(parameter(&back, "state"), "a state");
        parameter(&back, "code")
    }

    async fn form(&self, path: &str, form: &[(&'static str, String)]) -> reqwest::Response {
        let body = url::form_urlencoded::Serializer::new(String::new())
            .extend_pairs(form)
            .finish();
        let request = self.http.post(self.url(path)).body(body);
        request.send().await.unwrap()
    }

    async fn token(&self, form: &[(&'static str, String)]) -> (u16, Value) {
        let client = ("client_id", self.client_id.clone());
        let resource = ("resource", self.root.to_string());
        let form = [form, &[client, resource]].concat();
        let answer = self.form("oauth2/token/", &form).await;
        (
            answer.status().as_u16(),
            answer.json().await.unwrap_or_default(),
        )
    }

    async fn exchange(&self, code: &str, verifier: &str) -> (u16, Value) {
        self.token(&[
            ("grant_type", "authorization_code".into()),
            ("code", code.into()),
            ("redirect_uri", CALLBACK.into()),
            ("code_verifier", verifier.into()),
        ])
        .await
    }

    async fn refresh(&self, tokens: &Value) -> (u16, Value) {
        let token = tokens["refresh_token"].as_str().unwrap();
        self.token(&[
            ("grant_type", "refresh_token".into()),
            ("refresh_token", token.into()),
        ])
        .await
    }

    async fn granted(&self, scope: &str) -> Value {
        let (status, tokens) = self.exchange(&self.code(scope).await, VERIFIER).await;
        assert_eq!(status, 200, "{tokens}");
        tokens
    }

    /// A request to the MCP server, answered with its status.
    async fn rpc(&self, tokens: &Value, method: &str, params: Value) -> Got {
        let body = json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params });
        let request = self
            .http
            .post(self.sim.simulator.mcp_url())
            .bearer_auth(tokens["access_token"].as_str().unwrap_or("none"))
            .header("accept", "application/json, text/event-stream")
            .header("mcp-protocol-version", "2025-06-18")
            .json(&body);
        let answer = request.send().await.unwrap();
        Got {
            status: answer.status().as_u16(),
            headers: answer.headers().clone(),
            body: answer.json().await.unwrap_or_default(),
        }
    }

    async fn call(&self, tokens: &Value, tool: &str, arguments: Value) -> Value {
        let params = json!({ "name": tool, "arguments": arguments });
        let answer = self.rpc(tokens, "tools/call", params).await.ok();
        assert_ne!(answer["result"]["isError"], true, "{answer}");
        answer["result"]["structuredContent"].clone()
    }
}

fn parameter(url: &Url, name: &str) -> String {
    let mut pairs = url.query_pairs();
    let found = pairs.find(|(key, _)| key == name);
    found
        .map(|(_, value)| value.into_owned())
        .unwrap_or_default()
}

#[tokio::test]
async fn the_server_is_found_from_its_401_as_close_tells_it() {
    let sim = start(config()).await;
    let asking = Asking::new(&sim).await;
    let refused = asking.rpc(&Value::Null, "tools/list", json!({})).await;
    assert_eq!(refused.status, 401);
    let challenge = refused.headers["www-authenticate"].to_str().unwrap();
    let place = asking.url(".well-known/oauth-protected-resource");
    assert_eq!(
        challenge,
        format!(r#"Bearer error="invalid_token", resource_metadata="{place}""#)
    );
    let resource: Value = reqwest::get(place).await.unwrap().json().await.unwrap();
    assert_eq!(resource["resource"], asking.root.as_str());
    assert_eq!(resource["authorization_servers"][0], asking.root.as_str());
    let place = asking.url(".well-known/oauth-authorization-server");
    let server: Value = reqwest::get(place).await.unwrap().json().await.unwrap();
    assert_eq!(
        format!("{}/", server["issuer"].as_str().unwrap()),
        asking.root.as_str(),
        "one has a final slash, the other has not"
    );
}

#[tokio::test]
async fn a_person_sees_what_asks_for_what_and_allows_or_denies_it() {
    let sim = start(config()).await;
    let asking = Asking::new(&sim).await;
    let page = asking.http.get(asking.url("oauth2/authorize/"));
    let page = page.query(&asking.request(READ)).send().await.unwrap();
    let page = page.text().await.unwrap();
    assert!(page.contains("A &lt;mirror> asks"), "{page}");
    assert!(page.contains("<li>mcp.read</li>") && page.contains(">Deny</button>"));
    let back = asking.decide(READ, "deny").await;
    assert_eq!(parameter(&back, "error"), "access_denied");
    assert_eq!(parameter(&back, "state"), "a state");

    // Nobody is sent to where no client asked for.
    let mut elsewhere = asking.request(READ);
    elsewhere[1].1 = "http://127.0.0.1:9/other".into();
    let answer = asking.form("oauth2/authorize/", &elsewhere).await;
    assert_eq!(answer.status(), 400);
}

#[tokio::test]
async fn a_code_is_good_once_in_time_and_with_its_verifier() {
    let sim = start(config()).await;
    let asking = Asking::new(&sim).await;
    let code = asking.code(READ).await;
    let (status, wrong) = asking.exchange(&code, "another").await;
    assert_eq!((status, &wrong["error"]), (400, &json!("invalid_grant")));
    let (status, tokens) = asking.exchange(&code, VERIFIER).await;
    assert_eq!((status, &tokens["scope"]), (200, &json!(READ)));
    assert_eq!(tokens["expires_in"], 3_600);
    asking.call(&tokens, "org_info", json!({})).await;
    let (status, _) = asking.exchange(&code, VERIFIER).await;
    assert_eq!(status, 400);
    let dead = asking.rpc(&tokens, "tools/list", json!({})).await;
    assert_eq!(dead.status, 401, "a replayed code takes its grant back");

    let short = json!({ "code_seconds": 0 });
    sim.control("PUT", "oauth", short).await.ok();
    let (_, late) = asking.exchange(&asking.code(READ).await, VERIFIER).await;
    assert_eq!(late["error_description"], "The code has expired.");
}

#[tokio::test]
async fn a_refresh_token_is_good_once_and_takes_the_grant_with_it_when_it_comes_again() {
    let sim = start(config()).await;
    let asking = Asking::new(&sim).await;
    let first = asking.granted(READ).await;
    let (status, second) = asking.refresh(&first).await;
    assert_eq!(status, 200);
    assert_ne!(first["refresh_token"], second["refresh_token"]);
    asking.call(&second, "org_info", json!({})).await;
    assert_eq!(asking.refresh(&first).await.0, 400);
    assert_eq!(asking.refresh(&second).await.0, 400);
    let dead = asking.rpc(&second, "tools/list", json!({})).await;
    assert_eq!(dead.status, 401);

    let third = asking.granted(READ).await;
    let form = [
        ("client_id", asking.client_id.clone()),
        ("token", third["access_token"].as_str().unwrap().to_owned()),
    ];
    assert_eq!(asking.form("oauth2/revoke/", &form).await.status(), 200);
    assert_eq!(asking.refresh(&third).await.0, 400);
    let shown = sim.control("GET", "oauth", Value::Null).await.ok();
    assert_eq!(shown["grants"][1]["revoked"], true);
    assert_eq!(shown["refreshes"], 1);
}

#[tokio::test]
async fn tokens_expire_answers_get_lost_and_scopes_are_withheld_when_told_so() {
    let sim = start(config()).await;
    let asking = Asking::new(&sim).await;
    let behave = json!({ "access_token_seconds": 0, "lost_answers": 1 });
    let tokens = asking.granted(READ).await;
    sim.control("PUT", "oauth", behave).await.ok();
    assert_eq!(asking.refresh(&tokens).await.0, 502);
    assert_eq!(asking.refresh(&tokens).await.0, 400, "it was done");
    let expired = asking.granted(READ).await;
    let dead = asking.rpc(&expired, "tools/list", json!({})).await;
    assert_eq!(dead.status, 401);

    let behave = json!({ "access_token_seconds": 60, "withheld": ["mcp.read", "offline_access"] });
    sim.control("PUT", "oauth", behave).await.ok();
    let bare = asking.granted(READ).await;
    assert!(bare.get("refresh_token").is_none());
    let refused = asking.rpc(&bare, "tools/list", json!({})).await;
    assert_eq!(refused.status, 403);
}

#[tokio::test]
async fn the_tools_that_read_answer_from_the_same_world_as_rest() {
    let sim = start(config()).await;
    let asking = Asking::new(&sim).await;
    let tokens = asking.granted(READ).await;
    let listed = asking.rpc(&tokens, "tools/list", json!({})).await.ok();
    let listed = listed["result"]["tools"].as_array().unwrap().clone();
    assert_eq!(listed.len(), 14);

    let organization = asking.call(&tokens, "org_info", json!({})).await;
    assert_eq!(organization["id"], sim.simulator.organization_id());
    let users = asking.call(&tokens, "org_users", json!({})).await;
    assert_eq!(users["data"], sim.get("user/").await.ok()["data"]);

    let (mut seen, mut cursor) = (Vec::new(), Value::Null);
    loop {
        let page = asking.call(&tokens, "lead_search", json!({ "cursor": cursor }));
        let page = page.await;
        seen.extend(page["data"].as_array().unwrap().clone());
        cursor = page["cursor"].clone();
        if cursor.is_null() {
            break;
        }
    }
    let dates: Vec<_> = seen
        .iter()
        .map(|lead| lead["date_updated"].as_str())
        .collect();
    assert!(dates.is_sorted_by(|newer, older| newer >= older));
    let ids: HashSet<_> = seen.iter().map(|lead| lead["id"].as_str()).collect();
    assert_eq!((seen.len(), ids.len()), (120, 120));
    let id = &seen[0]["id"];
    let lead = asking
        .call(&tokens, "fetch_lead", json!({ "id": id }))
        .await;
    let rest = sim.get(&format!("lead/{}/", id.as_str().unwrap())).await;
    assert_eq!(lead, rest.ok());

    let since = "2026-06-01T00:00:00Z";
    let range = json!({ "updated_at": { "since": since } });
    let recent = asking.call(&tokens, "find_opportunities", range).await;
    let recent = recent["data"].as_array().unwrap().clone();
    assert!(!recent.is_empty());
    assert!(
        recent
            .iter()
            .all(|one| one["date_updated"].as_str() >= Some(since))
    );
    let types = asking
        .call(&tokens, "find_custom_object_types", json!({}))
        .await;
    assert_eq!(types, sim.get("custom_object_type/").await.ok());

    let missing = json!({ "name": "fetch_lead", "arguments": { "id": "lead_none" } });
    let missing = asking.rpc(&tokens, "tools/call", missing).await.ok();
    assert_eq!(missing["result"]["isError"], true);
    let unknown = json!({ "name": "delete_lead", "arguments": { "id": id } });
    let unknown = asking.rpc(&tokens, "tools/call", unknown).await.ok();
    assert!(unknown.get("error").is_some(), "{unknown}");
}
