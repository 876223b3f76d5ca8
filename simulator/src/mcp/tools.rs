//! The tools that read, each as the request to REST that answers it. The arguments of paging and of
//! ranges are invented: the dossier only names what there is (7.6).

use axum::Router;
use axum::body::Body;
use axum::http::{Method, Request, header};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};
use tower::ServiceExt;

/// A tool: its name, what it does, its arguments.
type Listed = (&'static str, &'static str, &'static [&'static str]);

const TOOLS: [Listed; 14] = [
    ("org_info", "The organization.", &[]),
    ("org_users", "Its users.", &[]),
    (
        "lead_search",
        "Leads, the most recently updated first.",
        &["full_text", "lead_status_id", "name", "cursor"],
    ),
    ("fetch_lead", "One lead.", &["id"]),
    ("fetch_contact", "One contact.", &["id"]),
    ("fetch_opportunity", "One opportunity.", &["id"]),
    (
        "find_opportunities",
        "Opportunities; updated_at is a range with since and until.",
        &["updated_at", "lead_id", "status_type", "cursor"],
    ),
    (
        "find_custom_object_types",
        "The types of custom objects.",
        &[],
    ),
    (
        "find_custom_object_instances",
        "The custom objects of a lead.",
        &["lead_id", "custom_object_type_id"],
    ),
    (
        "fetch_custom_object_instance",
        "One custom object.",
        &["id"],
    ),
    (
        "fetch_custom_activity_instance",
        "One custom activity.",
        &["id"],
    ),
    (
        "find_lead_custom_fields",
        "The custom fields of leads.",
        &[],
    ),
    (
        "find_contact_custom_fields",
        "The custom fields of contacts.",
        &[],
    ),
    (
        "find_opportunity_custom_fields",
        "The custom fields of opportunities.",
        &[],
    ),
];

/// Objects of a page of a search.
const PAGE: u32 = 50;

const LEAD: [&str; 8] = [
    "id",
    "display_name",
    "name",
    "status_id",
    "status_label",
    "html_url",
    "date_created",
    "date_updated",
];

const OPPORTUNITY: [&str; 17] = [
    "id",
    "lead_id",
    "lead_name",
    "contact_id",
    "user_id",
    "user_name",
    "status_id",
    "status_label",
    "status_type",
    "pipeline_id",
    "value",
    "value_currency",
    "value_period",
    "confidence",
    "date_won",
    "date_created",
    "date_updated",
];

/// All tools.
pub(super) fn all() -> impl Iterator<Item = Listed> {
    TOOLS.into_iter()
}

/// A request to REST.
pub(super) struct Asked {
    method: Method,
    path: String,
    body: Value,
}

fn get(path: impl Into<String>) -> Asked {
    Asked {
        method: Method::GET,
        path: path.into(),
        body: Value::Null,
    }
}

/// What answers a call; none where there is no such tool.
pub(super) fn request(tool: &str, arguments: &Map<String, Value>) -> Option<Asked> {
    let id = argument(arguments, "id");
    Some(match tool {
        "org_info" => get("/me/"),
        "org_users" => get("/user/?_limit=1000"),
        "lead_search" => lead_search(arguments),
        "fetch_lead" => get(format!("/lead/{id}/")),
        "fetch_contact" => get(format!("/contact/{id}/")),
        "fetch_opportunity" => get(format!("/opportunity/{id}/")),
        "find_opportunities" => find_opportunities(arguments),
        "find_custom_object_types" => get("/custom_object_type/"),
        "find_custom_object_instances" => {
            let lead = argument(arguments, "lead_id");
            let of_type = argument(arguments, "custom_object_type_id");
            let of_type = match of_type.as_str() {
                "" => String::new(),
                id => format!("&custom_object_type_id={id}"),
            };
            get(format!(
                "/custom_object/?_limit=200&lead_id={lead}{of_type}"
            ))
        }
        "fetch_custom_object_instance" => get(format!("/custom_object/{id}/")),
        "fetch_custom_activity_instance" => get(format!("/activity/custom/{id}/")),
        "find_lead_custom_fields" => get("/custom_field/lead/"),
        "find_contact_custom_fields" => get("/custom_field/contact/"),
        "find_opportunity_custom_fields" => get("/custom_field/opportunity/"),
        _ => return None,
    })
}

/// An argument as it may stand in an address.
fn argument(arguments: &Map<String, Value>, name: &str) -> String {
    let given = arguments.get(name).and_then(Value::as_str);
    given.map_or_else(String::new, |text| {
        url::form_urlencoded::byte_serialize(text.as_bytes()).collect()
    })
}

fn lead_search(arguments: &Map<String, Value>) -> Asked {
    let mut queries = vec![json!({ "type": "object_type", "object_type": "lead" })];
    if let Some(text) = arguments.get("full_text") {
        queries.push(json!({ "type": "text", "mode": "full_words", "value": text }));
    }
    for (argument, field) in [("lead_status_id", "status_id"), ("name", "name")] {
        if let Some(value) = arguments.get(argument) {
            queries.push(equals("lead", field, value));
        }
    }
    search("lead", &queries, &LEAD, arguments)
}

fn find_opportunities(arguments: &Map<String, Value>) -> Asked {
    let mut queries = vec![json!({ "type": "object_type", "object_type": "opportunity" })];
    for field in ["lead_id", "status_type"] {
        if let Some(value) = arguments.get(field) {
            queries.push(equals("opportunity", field, value));
        }
    }
    if let Some(range) = arguments.get("updated_at") {
        let mut condition = json!({ "type": "moment_range" });
        for (bound, name) in [("since", "on_or_after"), ("until", "before")] {
            if let (Some(value), Some(condition)) = (range.get(bound), condition.as_object_mut()) {
                let moment = json!({ "type": "fixed_utc", "value": value });
                condition.insert(name.to_owned(), moment);
            }
        }
        let field = field("opportunity", "date_updated");
        queries.push(json!({ "type": "field_condition", "field": field, "condition": condition }));
    }
    search("opportunity", &queries, &OPPORTUNITY, arguments)
}

fn field(object: &str, name: &str) -> Value {
    json!({ "type": "regular_field", "object_type": object, "field_name": name })
}

fn equals(object: &str, name: &str, value: &Value) -> Value {
    json!({
        "type": "field_condition",
        "field": field(object, name),
        "condition": { "type": "term", "values": [value] },
    })
}

fn search(object: &str, queries: &[Value], fields: &[&str], asked: &Map<String, Value>) -> Asked {
    Asked {
        method: Method::POST,
        path: "/data/search/".to_owned(),
        body: json!({
            "query": { "type": "and", "queries": queries },
            "sort": [{ "direction": "desc", "field": field(object, "date_updated") }],
            "_fields": { object: fields },
            "_limit": PAGE,
            "cursor": asked.get("cursor"),
        }),
    }
}

impl Asked {
    /// Whether it was answered, and what.
    pub(super) async fn send(self, rest: &Router, key: &str) -> (bool, Value) {
        let credential = STANDARD.encode(format!("{key}:"));
        let request = Request::builder()
            .method(self.method)
            .uri(&self.path)
            .header(header::AUTHORIZATION, format!("Basic {credential}"))
            .header(header::CONTENT_TYPE, "application/json");
        let body = match self.body {
            Value::Null => Body::empty(),
            body => Body::from(body.to_string()),
        };
        let refused = |why: &str| (false, json!({ "error": why }));
        let Ok(request) = request.body(body) else {
            return refused("These arguments can't be asked with.");
        };
        let Ok(response) = rest.clone().oneshot(request).await;
        let done = response.status().is_success();
        let body = axum::body::to_bytes(response.into_body(), usize::MAX).await;
        match body
            .ok()
            .and_then(|body| serde_json::from_slice(&body).ok())
        {
            Some(answer) => (done, answer),
            None => refused("The answer broke off."),
        }
    }
}

/// What a tool makes of REST's answer.
pub(super) fn shaped(tool: &str, answer: Value) -> Value {
    match tool {
        "org_info" => {
            let organization = answer.pointer("/organizations/0").cloned();
            organization.unwrap_or(answer)
        }
        _ => answer,
    }
}
