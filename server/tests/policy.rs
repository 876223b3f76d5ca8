//! What every answer tells browsers, and whose pages may ask.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

use closegraph_tests::{DataDir, PrivatePostgres, Serving, free_port};
use reqwest::header::HeaderMap;
use reqwest::{Client, Method, Response, redirect};

struct Server {
    serving: Serving,
    client: Client,
    _postgres: PrivatePostgres,
    _data_dir: DataDir,
}

impl Server {
    async fn start(variables: &[(&str, &str)]) -> Self {
        let postgres = PrivatePostgres::start().await.unwrap();
        let data_dir = DataDir::new().unwrap();
        let url = postgres.database("policy").await.unwrap();
        let variables = [&[("DATABASE_URL", url.as_str())], variables].concat();
        let mut serving = Serving::start(&data_dir, free_port().unwrap(), &variables).unwrap();
        serving.ready().await.unwrap();
        let client = Client::builder().redirect(redirect::Policy::none());
        Self {
            serving,
            client: client.build().unwrap(),
            _postgres: postgres,
            _data_dir: data_dir,
        }
    }

    async fn send(&self, method: Method, path: &str, headers: &[(&str, &str)]) -> Response {
        let address = format!("{}{path}", self.serving.address);
        let request = headers.iter().fold(
            self.client.request(method, address),
            |request, (name, value)| request.header(*name, *value),
        );
        request.send().await.unwrap()
    }

    /// What a browser asks before a page of an origin may ask.
    async fn preflight(&self, origin: &str) -> HeaderMap {
        let headers = [
            ("origin", origin),
            ("access-control-request-method", "POST"),
            (
                "access-control-request-headers",
                "authorization,content-type",
            ),
        ];
        let answer = self.send(Method::OPTIONS, "/graphql", &headers).await;
        answer.headers().clone()
    }
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name).map(|value| value.to_str().unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn every_answer_says_what_browsers_may_do_with_it() {
    let server = Server::start(&[]).await;
    let webhook = format!("/webhooks/close/{}", uuid::Uuid::from_u128(7));
    for (method, path, status) in [
        (Method::GET, "/healthz", 200),
        (Method::GET, "/readyz", 200),
        (Method::GET, "/metrics", 200),
        (Method::GET, "/graphiql", 308),
        (Method::GET, "/graphiql/", 200),
        (Method::GET, "/graphiql/nothing", 404),
        (Method::GET, "/graphql", 401),
        (Method::POST, "/graphql", 401),
        (Method::PUT, "/graphql", 405),
        (Method::GET, "/session", 200),
        (Method::POST, "/sign-in", 403),
        (Method::POST, "/sign-out", 403),
        (Method::GET, "/sign-in/openid-connect", 404),
        (Method::POST, &webhook, 401),
        (Method::GET, "/there/is/no/such/path", 404),
    ] {
        let answer = server.send(method.clone(), path, &[]).await;
        assert_eq!(answer.status(), status, "{method} {path}");
        let headers = answer.headers();
        let says = |name: &str| {
            let value = text(headers, name);
            assert!(value.is_some(), "{method} {path} has no {name}");
            value.unwrap()
        };
        assert_eq!(says("x-content-type-options"), "nosniff");
        assert_eq!(says("referrer-policy"), "no-referrer");
        assert_eq!(says("x-frame-options"), "DENY");
        assert_eq!(says("cross-origin-resource-policy"), "same-origin");
        let policy = says("content-security-policy");
        assert!(
            policy.contains("frame-ancestors 'none'"),
            "{path}: {policy}"
        );
        let is_page = path == "/graphiql/";
        assert_eq!(
            policy.contains("script-src 'self'"),
            is_page,
            "{path}: {policy}"
        );
        assert!(!policy.contains("script-src 'self' 'unsafe"), "{policy}");
        assert_eq!(
            says("cache-control"),
            if is_page { "no-cache" } else { "no-store" },
            "{path}"
        );
        for banner in ["server", "x-powered-by", "via"] {
            assert_eq!(text(headers, banner), None, "{method} {path}");
        }
        assert_eq!(text(headers, "access-control-allow-origin"), None);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_of_other_origins_may_ask_only_where_the_configuration_says_so() {
    let closed = Server::start(&[]).await;
    let headers = closed.preflight("https://app.example.com").await;
    assert!(
        headers
            .keys()
            .all(|name| !name.as_str().starts_with("access-control-")),
        "{headers:?}"
    );

    let origins = "https://app.example.com, http://localhost:5173";
    let open = Server::start(&[("CLOSEGRAPH_HTTP_CORS_ORIGINS", origins)]).await;
    for origin in ["https://app.example.com", "http://localhost:5173"] {
        let headers = open.preflight(origin).await;
        assert_eq!(text(&headers, "access-control-allow-origin"), Some(origin));
        assert_eq!(
            text(&headers, "access-control-allow-methods"),
            Some("GET,POST")
        );
        let allowed = text(&headers, "access-control-allow-headers").unwrap();
        assert!(allowed.contains("authorization"), "{allowed}");
        assert_eq!(text(&headers, "access-control-allow-credentials"), None);
        let answer = open
            .send(Method::POST, "/graphql", &[("origin", origin)])
            .await;
        assert_eq!(
            text(answer.headers(), "access-control-allow-origin"),
            Some(origin)
        );
        assert!(text(answer.headers(), "vary").unwrap().contains("origin"));
    }
    for origin in [
        "https://evil.example.com",
        "https://app.example.com.evil.example",
        "null",
    ] {
        let headers = open.preflight(origin).await;
        assert_eq!(
            text(&headers, "access-control-allow-origin"),
            None,
            "{origin}"
        );
    }
    let webhook = format!("/webhooks/close/{}", uuid::Uuid::from_u128(7));
    let answer = open
        .send(
            Method::POST,
            &webhook,
            &[("origin", "https://app.example.com")],
        )
        .await;
    assert_eq!(
        text(answer.headers(), "access-control-allow-origin"),
        None,
        "webhooks are no business of pages"
    );
}
