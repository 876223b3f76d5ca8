//! A browser as far as signing in knows it: it keeps cookies, and says from which page a request comes.

use crate::world::{World, read};
use axum::Router;
use axum::body::Body;
use axum::http::{HeaderMap, Request, Response, StatusCode, header};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use tower::ServiceExt;

/// Where it thinks that the server is.
pub(crate) const HOST: &str = "cg.example:8080";
pub(crate) const ORIGIN: &str = "http://cg.example:8080";
/// What it says of requests that a page of the server makes.
pub(crate) const OWN: [(&str, &str); 1] = [("sec-fetch-site", "same-origin")];
pub(crate) const FORM: &str = "application/x-www-form-urlencoded";
const JSON: &str = "application/json";

/// A browser at a server.
pub(crate) struct Browser {
    router: Router,
    pub(crate) cookies: BTreeMap<String, String>,
}

impl Browser {
    pub(crate) fn new(router: &Router) -> Self {
        Self {
            router: router.clone(),
            cookies: BTreeMap::new(),
        }
    }

    /// One request with its cookies, of which it keeps those of the answer.
    pub(crate) async fn send(
        &mut self,
        (method, path): (&str, &str),
        headers: &[(&str, &str)],
        (media, body): (&str, String),
    ) -> Response<Body> {
        let request = Request::builder().method(method).uri(path);
        let mut request = request
            .header(header::HOST, HOST)
            .header(header::CONTENT_TYPE, media);
        if !self.cookies.is_empty() {
            let cookies = self.cookies.iter();
            let cookies: Vec<String> = cookies
                .map(|(name, value)| format!("{name}={value}"))
                .collect();
            request = request.header(header::COOKIE, cookies.join("; "));
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(Body::from(body)).unwrap();
        let response = self.router.clone().oneshot(request).await.unwrap();
        for (name, value, attributes) in set(response.headers()) {
            if attributes.iter().any(|attribute| attribute == "Max-Age=0") {
                self.cookies.remove(&name);
            } else {
                self.cookies.insert(name, value);
            }
        }
        response
    }

    /// A page that a person opens, or is sent to.
    pub(crate) async fn open(&mut self, path: &str) -> Response<Body> {
        let headers = [("sec-fetch-site", "none")];
        self.send(("GET", path), &headers, (JSON, String::new()))
            .await
    }

    /// Signs in with a token, as the form does.
    pub(crate) async fn sign_in(&mut self, token: &str) -> Response<Body> {
        let headers = [OWN[0], ("origin", ORIGIN)];
        let body = format!("token={token}");
        self.send(("POST", "/sign-in"), &headers, (FORM, body))
            .await
    }

    pub(crate) async fn sign_out(&mut self) -> StatusCode {
        let sent = self.send(("POST", "/sign-out"), &OWN, (JSON, String::new()));
        sent.await.status()
    }

    /// A question as a page of the server asks it.
    pub(crate) async fn ask(&mut self, query: &str) -> (StatusCode, Value) {
        self.ask_with(query, &OWN).await
    }

    pub(crate) async fn ask_with(
        &mut self,
        query: &str,
        headers: &[(&str, &str)],
    ) -> (StatusCode, Value) {
        let body = json!({ "query": query }).to_string();
        let response = self.send(("POST", "/graphql"), headers, (JSON, body)).await;
        (response.status(), read(response).await)
    }

    /// Who is signed in, as `/session` says.
    pub(crate) async fn session(&mut self) -> Value {
        let sent = self.send(("GET", "/session"), &OWN, (JSON, String::new()));
        let response = sent.await;
        assert_eq!(response.status(), StatusCode::OK);
        read(response).await["session"].clone()
    }
}

/// The cookies that an answer gives: names, values and attributes.
pub(crate) fn set(headers: &HeaderMap) -> Vec<(String, String, Vec<String>)> {
    let all = headers.get_all(header::SET_COOKIE).iter();
    let cookie = |value: &axum::http::HeaderValue| {
        let mut parts = value.to_str().unwrap().split("; ").map(str::to_owned);
        let first = parts.next().unwrap();
        let (name, value) = first.split_once('=').unwrap();
        (name.to_owned(), value.to_owned(), parts.collect())
    };
    all.map(cookie).collect()
}

/// The text of an answer.
pub(crate) async fn text(response: Response<Body>) -> String {
    let bytes = axum::body::to_bytes(response.into_body(), usize::MAX).await;
    String::from_utf8(bytes.unwrap().to_vec()).unwrap()
}

impl World {
    /// A browser at this world's server.
    pub(crate) fn browser(&self) -> Browser {
        Browser::new(&self.router)
    }
}
