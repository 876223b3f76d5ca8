//! The consent page: what asks, for what, and in which organization.

use axum::body::Bytes;
use axum::extract::{RawQuery, State};
use axum::http::{StatusCode, header};
use axum::response::{Html, IntoResponse, Response};
use url::Url;

use super::form::Form;
use super::grants::Client;
use crate::app::App;
use crate::rest::Shared;

/// What a page carries on to the decision.
const CARRIED: [&str; 6] = [
    "client_id",
    "redirect_uri",
    "scope",
    "state",
    "code_challenge",
    "resource",
];

pub(super) async fn page(State(app): Shared, RawQuery(query): RawQuery) -> Response {
    let asked = Form::parse(query.unwrap_or_default().as_bytes());
    let client = match checked(&app, &asked) {
        Ok(client) => client,
        Err(why) => return refused(why),
    };
    let proves = !asked.get("code_challenge").is_empty();
    if asked.get("response_type") != "code"
        || (proves && asked.get("code_challenge_method") != "S256")
    {
        return back(&asked, &[("error", "invalid_request")]);
    }
    let hidden: String = CARRIED
        .iter()
        .map(|name| {
            let value = escaped(asked.get(name));
            format!(r#"<input type="hidden" name="{name}" value="{value}">"#)
        })
        .collect();
    let scopes: String = asked
        .get("scope")
        .split_whitespace()
        .map(|scope| format!("<li>{}</li>", escaped(scope)))
        .collect();
    let organization = app.organization();
    Html(format!(
        r#"<!doctype html><html lang="en"><meta charset="utf-8"><title>Close: allow access</title>
<h1>{client} asks for access</h1><ul>{scopes}</ul>
<form method="post" action="/oauth2/authorize/">{hidden}
<label>Organization <select name="organization_id"><option value="{id}">{name}</option></select></label>
<button name="decision" value="allow">Allow</button>
<button name="decision" value="deny">Deny</button></form></html>"#,
        client = escaped(&client.name),
        id = escaped(organization.id.as_str()),
        name = escaped(&organization.name),
    ))
    .into_response()
}

pub(super) async fn decide(State(app): Shared, body: Bytes) -> Response {
    let asked = Form::parse(&body);
    if let Err(why) = checked(&app, &asked) {
        return refused(why);
    }
    if asked.get("decision") != "allow" {
        return back(&asked, &[("error", "access_denied")]);
    }
    if asked.get("organization_id") != app.organization_id.as_str() {
        return refused("There is no such organization.");
    }
    let code = app.oauth.allow(
        asked.get("client_id"),
        asked.get("redirect_uri"),
        asked.get("code_challenge"),
        asked.get("scope"),
        asked.get("resource"),
    );
    back(&asked, &[("code", &code)])
}

/// The client, when it may be sent back to where it wants.
fn checked(app: &App, asked: &Form) -> Result<Client, &'static str> {
    let client = app.oauth.client(asked.get("client_id"));
    let client = client.ok_or("The client is not known.")?;
    if !client.may_return_to(asked.get("redirect_uri")) {
        return Err("The client did not register this redirect_uri.");
    }
    if client.secret.is_none() && asked.get("code_challenge").is_empty() {
        return Err("A code_challenge is required.");
    }
    Ok(client)
}

fn refused(why: &'static str) -> Response {
    (StatusCode::BAD_REQUEST, Html(why)).into_response()
}

fn back(asked: &Form, told: &[(&str, &str)]) -> Response {
    let Ok(mut url) = Url::parse(asked.get("redirect_uri")) else {
        return refused("The redirect_uri is no address.");
    };
    let state = asked.get("state");
    url.query_pairs_mut()
        .extend_pairs(told)
        .extend_pairs((!state.is_empty()).then_some(("state", state)));
    (StatusCode::FOUND, [(header::LOCATION, url.to_string())]).into_response()
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('"', "&quot;")
}
