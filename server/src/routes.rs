//! All routes of a process.

use crate::callback;
use crate::cli::ServeRole;
use crate::policy;
use crate::requests::observe;
use axum::Router;
use closegraph_api::Api;
use closegraph_sync::SyncService;

/// What a process of this role answers; pages of these origins may read it.
pub fn routes(api: Api, sync: &SyncService, role: ServeRole, cors_origins: &[String]) -> Router {
    let api = policy::shared(closegraph_api::router(api), cors_origins);
    let routes = match role {
        ServeRole::All | ServeRole::Sync => api.merge(sync.router()),
        ServeRole::Api => api,
    };
    let routes = routes.merge(callback::router(sync.connections().clone()));
    policy::secured(routes).layer(axum::middleware::from_fn(observe))
}
