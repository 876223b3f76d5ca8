//! The REST API under `/api/v1` as Close answers it.
//!
//! Not here yet, answered 404 as an unknown path: tasks, other activities and exports.

pub(crate) mod answer;
pub(crate) mod auth;
pub(crate) mod body;
mod caller;
mod contact;
mod custom_activity;
mod custom_field;
mod custom_object;
mod custom_type;
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
        .merge(custom_routes())
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

/// Custom types, their fields and their instances.
fn custom_routes() -> Router<Arc<App>> {
    Router::new()
        .route("/custom_field/{on}/", get(custom_field::list))
        .route("/custom_field/{on}/{id}/", get(custom_field::one))
        .route("/custom_field_schema/{on}/", get(custom_field::schema))
        .route(
            "/custom_field_schema/{on}/{id}/",
            get(custom_field::type_schema),
        )
        .route("/custom_object_type/", get(custom_type::object_types))
        .route("/custom_object_type/{id}/", get(custom_type::object_type))
        .route("/custom_activity/", get(custom_type::activity_types))
        .route("/custom_activity/{id}/", get(custom_type::activity_type))
        .route(
            "/custom_object/",
            get(custom_object::list).post(custom_object::create),
        )
        .route(
            "/custom_object/{id}/",
            get(custom_object::one)
                .put(custom_object::update)
                .delete(custom_object::delete),
        )
        .route(
            "/activity/custom/",
            get(custom_activity::list).post(custom_activity::create),
        )
        .route(
            "/activity/custom/{id}/",
            get(custom_activity::one)
                .put(custom_activity::update)
                .delete(custom_activity::delete),
        )
}

/// Lets a POST that stands for a long GET through as that GET.
pub(crate) fn with_method_override(router: Router) -> Router {
    Router::new()
        .fallback_service(router)
        .layer(from_fn(method_override::method_override))
}
