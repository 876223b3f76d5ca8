//! The REST API under `/api/v1` as Close answers it.
//!
//! Not here yet, answered 404 as an unknown path: tasks, activities, custom objects, exports,
//! OAuth and the MCP server.

pub(crate) mod answer;
pub(crate) mod auth;
pub(crate) mod body;
mod caller;
mod contact;
mod custom_field;
mod event;
mod guard;
mod lead;
mod lead_query;
pub(crate) mod limits;
mod method_override;
mod object;
mod opportunity;
mod organization;
pub(crate) mod page;
pub(crate) mod params;
mod search;
mod status;
mod totals;
mod user;

pub(crate) use self::user::user as user_object;
mod webhook;

use std::sync::Arc;

use axum::Router;
use axum::middleware::{from_fn, from_fn_with_state};
use axum::routing::{get, post};

use self::answer::Failure;
use crate::app::App;

pub(crate) type Shared = axum::extract::State<Arc<App>>;

/// Everything under `/api/v1`, with the door in front of it.
pub(crate) fn router(app: &Arc<App>) -> Router {
    Router::new()
        .route("/me/", get(user::me))
        .route("/organization/{id}/", get(organization::one))
        .route("/user/", get(user::list))
        .route("/user/{id}/", get(user::one))
        .route("/lead/", get(lead::list).post(lead::create))
        .route("/lead/merge/", post(lead::merge))
        .route(
            "/lead/{id}/",
            get(lead::one).put(lead::update).delete(lead::delete),
        )
        .route("/contact/", get(contact::list).post(contact::create))
        .route(
            "/contact/{id}/",
            get(contact::one)
                .put(contact::update)
                .delete(contact::delete),
        )
        .route(
            "/opportunity/",
            get(opportunity::list).post(opportunity::create),
        )
        .route(
            "/opportunity/{id}/",
            get(opportunity::one)
                .put(opportunity::update)
                .delete(opportunity::delete),
        )
        .route("/pipeline/", get(status::pipelines))
        .route("/status/lead/", get(status::lead_statuses))
        .route("/status/opportunity/", get(status::opportunity_statuses))
        .route("/custom_field/{on}/", get(custom_field::list))
        .route("/custom_field_schema/{on}/", get(custom_field::schema))
        .route("/data/search/", post(search::search))
        .route("/event/", get(event::list))
        .route("/event/{id}/", get(event::one))
        .route("/webhook/", get(webhook::list).post(webhook::create))
        .route(
            "/webhook/{id}/",
            get(webhook::one)
                .put(webhook::update)
                .delete(webhook::delete),
        )
        .fallback(|| async { Failure::NoSuchPath })
        .method_not_allowed_fallback(|| async { Failure::MethodNotAllowed })
        .layer(from_fn_with_state(Arc::clone(app), guard::guard))
        .with_state(Arc::clone(app))
}

/// Lets a POST that stands for a long GET through as that GET.
pub(crate) fn with_method_override(router: Router) -> Router {
    Router::new()
        .fallback_service(router)
        .layer(from_fn(method_override::method_override))
}
