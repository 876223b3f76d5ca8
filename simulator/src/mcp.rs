//! The MCP server under `/mcp`: Streamable HTTP, for tokens of the authorization server
//! (dossier 7.1). What its tools answer is invented: their names and arguments are Close's, the
//! objects are those of REST.

mod tools;

use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::{StatusCode, header};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use rmcp::model::{
    CallToolRequestParams, CallToolResponse, CallToolResult, ContentBlock, ListToolsResult,
    PaginatedRequestParams, ServerCapabilities, ServerConfig, Tool,
};
use rmcp::service::RequestContext;
use rmcp::transport::streamable_http_server::session::local::LocalSessionManager;
use rmcp::transport::streamable_http_server::{StreamableHttpServerConfig, StreamableHttpService};
use rmcp::{ErrorData, RoleServer, ServerHandler};
use serde_json::{Value, json};

use crate::app::App;
use crate::oauth;
use crate::rest;

/// Where the next page of a list begins.
const CURSOR: &str = "cursor";

/// The server behind the door, over the routes of REST.
#[derive(Debug, Clone)]
struct Server {
    app: Arc<App>,
    rest: Router,
}

pub(crate) fn router(app: &Arc<App>) -> Router {
    let server = Server {
        app: Arc::clone(app),
        rest: rest::router(app),
    };
    let config = StreamableHttpServerConfig::default()
        .with_legacy_session_mode(false)
        .with_json_response(true)
        .disable_allowed_hosts();
    let service = StreamableHttpService::new(
        move || Ok(server.clone()),
        Arc::new(LocalSessionManager::default()),
        config,
    );
    Router::new()
        .route_service("/mcp", service)
        .layer(from_fn_with_state(Arc::clone(app), door))
}

/// Lets tokens with `mcp.read` in.
async fn door(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    let headers = request.headers();
    let given = headers
        .get(header::AUTHORIZATION)
        .and_then(|value| value.to_str().ok());
    let token = given.and_then(|value| value.strip_prefix("Bearer "));
    let scopes = token.and_then(|token| app.oauth.scopes(token));
    let method = request.method().clone();
    let root = oauth::root(headers);
    let response = match scopes {
        Some(scopes) if scopes.iter().any(|scope| scope == "mcp.read") => next.run(request).await,
        Some(_) => challenge(StatusCode::FORBIDDEN, "insufficient_scope", &root),
        None => challenge(StatusCode::UNAUTHORIZED, "invalid_token", &root),
    };
    let status = response.status().as_u16();
    app.requests
        .note(app.clock.now(), method.as_str(), "/mcp", "/mcp", status);
    response
}

fn challenge(status: StatusCode, error: &str, root: &str) -> Response {
    let challenge = format!(
        r#"Bearer error="{error}", resource_metadata="{root}/.well-known/oauth-protected-resource""#
    );
    let body = axum::Json(json!({ "error": error }));
    (status, [(header::WWW_AUTHENTICATE, challenge)], body).into_response()
}

impl ServerHandler for Server {
    fn get_info(&self) -> ServerConfig {
        ServerConfig::new(ServerCapabilities::builder().enable_tools().build())
    }

    async fn list_tools(
        &self,
        _: Option<PaginatedRequestParams>,
        _: RequestContext<RoleServer>,
    ) -> Result<ListToolsResult, ErrorData> {
        let tools = tools::all().map(|(name, what, arguments)| {
            let properties: serde_json::Map<String, Value> = arguments
                .iter()
                .map(|argument| ((*argument).to_owned(), json!({})))
                .collect();
            let schema = [
                ("type".to_owned(), json!("object")),
                ("properties".to_owned(), properties.into()),
            ];
            Tool::new(name, what, Arc::new(schema.into_iter().collect()))
        });
        Ok(ListToolsResult::with_all_items(tools.collect()))
    }

    async fn call_tool(
        &self,
        request: CallToolRequestParams,
        _: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        let behaviour = self.app.oauth.behaviour();
        let is_among = |tools: &[String]| tools.iter().any(|tool| *tool == request.name);
        let is_stuck = is_among(&behaviour.stuck_tools);
        let mut arguments = request.arguments.clone().unwrap_or_default();
        if is_stuck {
            arguments.remove(CURSOR);
        }
        let asked = tools::request(&request.name, &arguments)
            .ok_or_else(|| ErrorData::invalid_params("There is no such tool.", None))?;
        if is_among(&behaviour.failing_tools) {
            let text = vec![ContentBlock::text("It does not work just now.")];
            return Ok(CallToolResult::error(text).into());
        }
        let (done, answer) = asked.send(&self.rest, &self.app.config.api_key).await;
        let mut answer = tools::shaped(&request.name, answer);
        if let Some(keys) = answer.as_object_mut().filter(|_| is_stuck) {
            keys.insert(CURSOR.to_owned(), "again".into());
        }
        let text = vec![ContentBlock::text(answer.to_string())];
        let mut result = if done {
            CallToolResult::success(text)
        } else {
            CallToolResult::error(text)
        };
        result.structured_content = Some(answer);
        Ok(result.into())
    }
}
