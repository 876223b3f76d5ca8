//! Signing in with an OpenID Connect provider.

mod wrong;

use crate::browser::{Browser, set, text};
use crate::world::{ONE, OTHER, World};
use axum::body::Body;
use axum::http::{Response, StatusCode};
use closegraph_api::{OpenIdConnect, SignIn};
use closegraph_entity::api_token::Role;
use closegraph_tests::{Behaviour, CLIENT_ID, CLIENT_SECRET, IdentityProvider};
use serde_json::{Value, json};
use std::time::Duration;
use url::Url;

const COUNT: &str = "{ companies { totalCount } }";
const CALLBACK: &str = "/sign-in/openid-connect/callback";

/// A world whose people the provider knows.
async fn known() -> (World, IdentityProvider) {
    let provider = IdentityProvider::start().await.unwrap();
    let mut world = World::new().await;
    world.seed(ONE, 3).await;
    world.seed(OTHER, 5).await;
    world.sign_in_by(sign_in(&provider, |_| {}));
    (world, provider)
}

fn sign_in(provider: &IdentityProvider, change: impl FnOnce(&mut OpenIdConnect)) -> SignIn {
    let roles = [
        ("crm", Role::Viewer),
        ("desk", Role::Operator),
        ("boss", Role::Admin),
    ];
    let mut openid = OpenIdConnect {
        issuer: provider.issuer.clone(),
        client_id: CLIENT_ID.to_owned(),
        client_secret: Some(CLIENT_SECRET.to_owned().into()),
        scopes: vec!["groups".to_owned()],
        role_claim: "groups".to_owned(),
        roles: roles
            .into_iter()
            .map(|(value, role)| (value.to_owned(), role))
            .collect(),
        connections: None,
        connections_claim: None,
        label: "Example <Inc>".to_owned(),
    };
    change(&mut openid);
    SignIn {
        public_url: Some("http://cg.example:8080/".parse().unwrap()),
        openid_connect: Some(openid),
        ..SignIn::default()
    }
}

/// Sends a browser to the provider; the address that it comes back to.
async fn go(browser: &mut Browser, provider: &IdentityProvider) -> Url {
    let response = browser.open("/sign-in/openid-connect").await;
    assert_eq!(response.status(), StatusCode::SEE_OTHER);
    let address = response.headers()["location"].to_str().unwrap();
    provider.visit(address).await.unwrap()
}

/// The browser is sent back, from another site.
async fn come_back(browser: &mut Browser, address: &Url) -> Response<Body> {
    let path = format!("{}?{}", address.path(), address.query().unwrap());
    let headers = [("sec-fetch-site", "cross-site")];
    let sent = browser.send(("GET", &path), &headers, ("text/plain", String::new()));
    sent.await
}

async fn sessions(world: &World) -> i64 {
    sqlx::query_scalar("select count(*) from browser_session")
        .fetch_one(&world.pool)
        .await
        .unwrap()
}

/// Nobody is signed in, and the page says why and nothing that is secret.
async fn refused(
    world: &World,
    provider: &IdentityProvider,
    response: Response<Body>,
    told: (u16, &str),
) {
    assert_eq!(response.status().as_u16(), told.0, "{told:?}");
    for (name, _, attributes) in set(response.headers()) {
        assert_eq!(name, "closegraph-sign-in", "no session");
        assert!(
            attributes.contains(&"Max-Age=0".to_owned()),
            "{attributes:?}"
        );
    }
    assert_eq!(response.headers()["referrer-policy"], "no-referrer");
    let page = text(response).await;
    assert!(
        page.contains("role=\"alert\">") && page.contains(told.1),
        "{told:?}: {page}"
    );
    for secret in provider.secrets() {
        assert!(!page.contains(&secret), "{page}");
    }
    assert!(!page.contains("words of the provider"), "{page}");
    assert_eq!(sessions(world).await, 0);
}

#[tokio::test]
async fn a_person_is_signed_in_with_the_role_that_the_provider_says() {
    let (world, provider) = known().await;
    let page = text(world.browser().open("/sign-in").await).await;
    assert!(page.contains("Sign in with Example &lt;Inc&gt;"), "{page}");
    for (groups, role, accesses) in [
        (json!(["everybody", "crm"]), "viewer", false),
        (json!("desk"), "operator", false),
        (json!(["crm", "boss", "desk"]), "admin", true),
    ] {
        provider.behave(Behaviour {
            claims: json!({ "groups": groups }),
            ..Behaviour::default()
        });
        let mut browser = world.browser();
        let back = go(&mut browser, &provider).await;
        assert!(browser.cookies.contains_key("closegraph-sign-in"));
        let response = come_back(&mut browser, &back).await;
        assert_eq!(response.status(), StatusCode::SEE_OTHER);
        assert_eq!(response.headers()["location"], "../../graphiql/");
        let names: Vec<&String> = browser.cookies.keys().collect();
        assert_eq!(names, ["closegraph"], "the attempt is over");
        let name = format!("ann-1 of {}", provider.issuer);
        let session = browser.session().await;
        assert_eq!(
            json!([session["name"], session["role"], session["tokenPrefix"]]),
            json!([name, role, null])
        );
        let (_, answer) = browser.ask(COUNT).await;
        assert_eq!(
            answer["data"]["companies"]["totalCount"], 8,
            "all connections"
        );
        let (_, answer) = browser.ask("{ accessLog { totalCount } }").await;
        assert_eq!(
            answer["data"].is_object() && answer["errors"].is_null(),
            accesses,
            "{answer}"
        );
    }
}

#[tokio::test]
async fn what_a_person_decides_is_in_the_access_log_by_subject_and_issuer() {
    let (world, provider) = known().await;
    provider.behave(Behaviour {
        claims: json!({ "groups": "desk" }),
        ..Behaviour::default()
    });
    let mut browser = world.browser();
    let back = go(&mut browser, &provider).await;
    come_back(&mut browser, &back).await;
    let replay = "mutation { replayEvents(filter: { objectId: { eq: \"lead_1\" } }) { count } }";
    let (_, answer) = browser.ask(replay).await;
    assert_eq!(answer["data"]["replayEvents"]["count"], 2, "{answer}");
    assert_eq!(browser.sign_out().await, StatusCode::NO_CONTENT);
    let admin = world.token_of(&[ONE, OTHER], Role::Admin, None).await;
    sqlx::query("update api_token set connections = null")
        .execute(&world.pool)
        .await
        .unwrap();
    let log =
        "{ accessLog { nodes { actor tokenId tokenPrefix action details connections { id } } } }";
    let log = world.data(&admin, log, json!({})).await;
    let name = format!("ann-1 of {}", provider.issuer);
    let nodes = log["accessLog"]["nodes"].as_array().unwrap();
    let mut told: Vec<Value> = nodes
        .iter()
        .filter(|entry| entry["actor"] == name)
        .map(|entry| {
            assert_eq!(
                json!([entry["tokenId"], entry["tokenPrefix"]]),
                json!([null, null])
            );
            json!([entry["action"], entry["details"], entry["connections"]])
        })
        .collect();
    told.sort_by_key(ToString::to_string);
    let mut expected = [
        json!(["SIGNED_OUT", {}, null]),
        json!(["EVENTS_REPLAYED", { "events": 1 }, [{ "id": OTHER }]]),
        json!(["EVENTS_REPLAYED", { "events": 1 }, [{ "id": ONE }]]),
        json!(["SIGNED_IN", { "role": "operator" }, null]),
    ];
    expected.sort_by_key(ToString::to_string);
    assert_eq!(told, expected);
}

#[tokio::test]
async fn another_process_finishes_what_one_began_and_new_keys_of_the_provider_are_read() {
    let (mut world, provider) = known().await;
    let mut browser = world.browser();
    go(&mut browser, &provider).await;
    let begun = browser.cookies.clone();
    // The keys are known; then they change.
    tokio::time::sleep(Duration::from_millis(1_100)).await;
    provider.rotate().unwrap();
    let back = go(&mut browser, &provider).await;
    assert_ne!(browser.cookies, begun);
    assert_eq!(
        come_back(&mut browser, &back).await.status(),
        StatusCode::SEE_OTHER
    );
    let mut browser = world.browser();
    let back = go(&mut browser, &provider).await;
    world.sign_in_by(sign_in(&provider, |_| {}));
    let mut elsewhere = world.browser();
    elsewhere.cookies = browser.cookies;
    assert_eq!(
        come_back(&mut elsewhere, &back).await.status(),
        StatusCode::SEE_OTHER
    );
    assert_eq!(elsewhere.ask(COUNT).await.0, StatusCode::OK);
    // Without the provider its people are nobody.
    let cookies = elsewhere.cookies;
    world.sign_in_by(SignIn::default());
    let mut after = world.browser();
    after.cookies = cookies;
    assert_eq!(after.ask(COUNT).await.0, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn people_see_the_connections_of_the_configuration_and_of_their_claim() {
    let (mut world, provider) = known().await;
    for (connections, claim, said, expected) in [
        (Some(vec![OTHER]), None, Value::Null, Some(5)),
        (None, Some("orgs"), json!([ONE]), Some(3)),
        (
            Some(vec![OTHER]),
            Some("orgs"),
            json!([ONE, OTHER]),
            Some(5),
        ),
        (Some(vec![OTHER]), Some("orgs"), json!([ONE]), None),
        (None, Some("orgs"), Value::Null, None),
    ] {
        world.sign_in_by(sign_in(&provider, |openid| {
            openid.connections = connections;
            openid.connections_claim = claim.map(str::to_owned);
        }));
        provider.behave(Behaviour {
            claims: json!({ "orgs": said }),
            ..Behaviour::default()
        });
        let mut browser = world.browser();
        let back = go(&mut browser, &provider).await;
        let response = come_back(&mut browser, &back).await;
        match expected {
            Some(expected) => {
                let (_, answer) = browser.ask(COUNT).await;
                assert_eq!(answer["data"]["companies"]["totalCount"], expected);
                browser.sign_out().await;
            }
            None => {
                let told = (403, "no organization that you may see");
                refused(&world, &provider, response, told).await;
            }
        }
    }
}

#[tokio::test]
async fn below_a_public_address_by_https_everything_stays_below_it() {
    let (mut world, provider) = known().await;
    let public_url = Some("https://cg.example/below/".parse().unwrap());
    world.sign_in_by(SignIn {
        public_url,
        ..sign_in(&provider, |_| {})
    });
    let mut browser = world.browser();
    let mut back = go(&mut browser, &provider).await;
    assert_eq!(
        back.as_str().split('?').next(),
        Some("https://cg.example/below/sign-in/openid-connect/callback")
    );
    // The proxy takes the prefix off.
    back.set_path(CALLBACK);
    let response = come_back(&mut browser, &back).await;
    let cookies = set(response.headers());
    let names: Vec<&str> = cookies.iter().map(|(name, ..)| name.as_str()).collect();
    assert_eq!(names, ["__Host-closegraph-sign-in", "__Host-closegraph"]);
    let strict = [
        "HttpOnly",
        "SameSite=Strict",
        "Secure",
        "Path=/",
        "Max-Age=43200",
    ];
    assert_eq!(cookies[1].2, strict);
    assert_eq!(
        cookies[0].2[1], "SameSite=Lax",
        "it has to come along from the provider"
    );
    let (status, _) = browser.ask(COUNT).await;
    assert_eq!(status, StatusCode::OK);
}
