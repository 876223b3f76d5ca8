use serde_json::json;

use crate::harness::{config, start};

#[tokio::test]
async fn the_key_as_user_with_an_empty_password_and_the_token_are_let_in() {
    let sim = start(config()).await;
    let url = format!("{}me/", sim.simulator.base_url());
    let status =
        async |request: reqwest::RequestBuilder| request.send().await.unwrap().status().as_u16();
    let key = sim.simulator.api_key();
    assert_eq!(
        status(sim.client.get(&url).basic_auth(key, Some(""))).await,
        200
    );
    assert_eq!(
        status(sim.client.get(&url).basic_auth(key, None::<&str>)).await,
        200
    );
    assert_eq!(
        status(sim.client.get(&url).bearer_auth("simulator-access-token")).await,
        200
    );
    assert_eq!(
        status(sim.client.get(&url).basic_auth(key, Some("secret"))).await,
        401
    );
    assert_eq!(
        status(sim.client.get(&url).basic_auth("api_other.key", Some(""))).await,
        401
    );
    assert_eq!(status(sim.client.get(&url).bearer_auth(key)).await, 401);

    let refused = sim.client.get(&url).send().await.unwrap();
    assert_eq!(refused.status(), 401);
    assert_eq!(
        refused.json::<serde_json::Value>().await.unwrap(),
        json!({ "error": "Unauthorized" })
    );
}

#[tokio::test]
async fn me_names_the_organization_whole_and_a_user_only_its_id() {
    let sim = start(config()).await;
    let me = sim.get("me/").await.ok();
    let organization = &me["organizations"][0];
    assert_eq!(organization["id"], sim.simulator.organization_id());
    assert_eq!(organization["currency"], "USD");
    assert_eq!(organization["currency_symbol"], "$");
    assert_eq!(organization["pipelines"].as_array().unwrap().len(), 2);

    let users = sim.get("user/").await.ok();
    assert_eq!(users["data"].as_array().unwrap().len(), 6);
    assert_eq!(users["has_more"], false);
    assert_eq!(
        users["data"][0]["organizations"],
        json!([organization["id"]])
    );
    let path = format!("organization/{}/", sim.simulator.organization_id());
    let whole = sim.get(&path).await.ok();
    assert_eq!(whole["memberships"].as_array().unwrap().len(), 6);
    assert_eq!(whole["inactive_memberships"], json!([]));
}

#[tokio::test]
async fn both_families_of_errors_are_answered() {
    let sim = start(config()).await;
    let unknown = sim.get("unheard_of/").await;
    assert_eq!(unknown.status, 404);
    assert!(
        unknown.body["error"]
            .as_str()
            .unwrap()
            .starts_with("The requested URL was not found on the server.")
    );
    let missing = sim.get("lead/lead_nobody/").await;
    assert_eq!(
        (missing.status, missing.body["error"].is_string()),
        (404, true)
    );
    assert_eq!(sim.send("DELETE", "me/", json!({})).await.status, 405);
    sim.get("lead/?_limit=201").await.field_error("_limit");
    let broken = sim
        .request("POST", "lead/")
        .body("{\"name\": ")
        .send()
        .await
        .unwrap();
    assert_eq!(broken.status(), 400);
    let body: serde_json::Value = broken.json().await.unwrap();
    assert_eq!(
        body,
        json!({ "error": "The request contains invalid JSON." })
    );
    let wrong = sim.send("POST", "lead/", json!({ "name": 7 })).await;
    assert_eq!(
        wrong.field_error("name"),
        "Value must be of basestring type."
    );
}
