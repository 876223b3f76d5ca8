//! Close's MCP server: the tools that read, and no others. What they answer was written for language models and is not
//! documented, so nothing is expected of it here but JSON.

use super::limiter::{Limiter, Priority};
use rmcp::model::{CallToolRequestParams, ContentBlock};
use rmcp::serve_client;
use rmcp::service::{ClientInitializeError, RoleClient, RunningService, ServiceError};
use rmcp::transport::StreamableHttpClientTransport;
use rmcp::transport::streamable_http_client::{
    AuthRequiredError, StreamableHttpClientTransportConfig,
};
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;
use sqlx::PgPool;
use std::error::Error;
use std::time::Duration;
use url::Url;
use uuid::Uuid;

/// Limit of one request.
const TIMEOUT: Duration = Duration::from_secs(60);

/// The window that calls count in, as far as the limiter knows: Close publishes no rate for its MCP server.
const ENDPOINT: &str = "read mcp";

/// A tool that reads. No other can be called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tool {
    OrgInfo,
    OrgUsers,
    LeadSearch,
    FetchLead,
    FetchContact,
    FindOpportunities,
    FetchOpportunity,
    CustomObjectTypes,
    FindCustomObjects,
    FetchCustomObject,
    FetchCustomActivity,
    LeadFields,
    ContactFields,
    OpportunityFields,
}

impl Tool {
    /// Close's name of it.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::OrgInfo => "org_info",
            Self::OrgUsers => "org_users",
            Self::LeadSearch => "lead_search",
            Self::FetchLead => "fetch_lead",
            Self::FetchContact => "fetch_contact",
            Self::FindOpportunities => "find_opportunities",
            Self::FetchOpportunity => "fetch_opportunity",
            Self::CustomObjectTypes => "find_custom_object_types",
            Self::FindCustomObjects => "find_custom_object_instances",
            Self::FetchCustomObject => "fetch_custom_object_instance",
            Self::FetchCustomActivity => "fetch_custom_activity_instance",
            Self::LeadFields => "find_lead_custom_fields",
            Self::ContactFields => "find_contact_custom_fields",
            Self::OpportunityFields => "find_opportunity_custom_fields",
        }
    }
}

/// Why a tool did not answer.
#[derive(Debug, thiserror::Error)]
pub enum McpError {
    #[error("Close's MCP server refuses the token")]
    Unauthorized,
    #[error("no answer from Close's MCP server: {0}")]
    Transport(String),
    #[error("the tool {tool} failed: {message}")]
    Tool { tool: &'static str, message: String },
    #[error("the answer of the tool {0} has an unexpected shape")]
    Shape(&'static str),
    #[error("the tool {0} answers a page again: its cursor does not move")]
    Stuck(&'static str),
}

/// A session with the server, for one access token.
#[derive(Debug)]
pub(crate) struct McpClient {
    service: RunningService<RoleClient, ()>,
    limiter: Limiter,
}

impl McpClient {
    /// Opens a session.
    pub(crate) async fn open(server: &Url, token: &SecretString) -> Result<Self, McpError> {
        let http = reqwest::Client::builder()
            .timeout(TIMEOUT)
            .redirect(reqwest::redirect::Policy::none())
            .user_agent(concat!("closegraph/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(|error| McpError::Transport(error.to_string()))?;
        let config = StreamableHttpClientTransportConfig::with_uri(server.as_str())
            .auth_header(token.expose_secret());
        let transport = StreamableHttpClientTransport::with_client(http, config);
        let service = serve_client((), transport).await;
        let service = service.map_err(|error| not_opened(&error))?;
        Ok(Self {
            service,
            limiter: Limiter::new(None),
        })
    }

    /// Shares its limiter with all processes that know the connection.
    pub(crate) fn shared(mut self, pool: PgPool, connection_id: Uuid) -> Self {
        self.limiter = Limiter::new(Some((pool, connection_id)));
        self
    }

    /// Calls a tool; what it answers as JSON is handed on as it is.
    pub(crate) async fn call(&self, tool: Tool, arguments: Value) -> Result<Value, McpError> {
        let mut request = CallToolRequestParams::new(tool.name());
        if let Value::Object(arguments) = arguments {
            request.arguments = Some(arguments);
        }
        self.limiter.acquire(ENDPOINT, Priority::Background).await;
        let answer = self.service.call_tool(request).await;
        let answer = answer.map_err(|error| match error {
            ServiceError::McpError(refused) => McpError::Tool {
                tool: tool.name(),
                message: refused.message.into_owned(),
            },
            ServiceError::TransportSend(error) => failed(&error),
            other => failed(&other),
        })?;
        let text = answer.content.iter().find_map(|block| match block {
            ContentBlock::Text(text) => Some(text.text.as_str()),
            _ => None,
        });
        if answer.is_error == Some(true) {
            let message = text.unwrap_or("it does not say why").chars().take(200);
            return Err(McpError::Tool {
                tool: tool.name(),
                message: message.collect(),
            });
        }
        let parsed = || serde_json::from_str(text?).ok();
        let answer = answer.structured_content.or_else(parsed);
        answer.ok_or(McpError::Shape(tool.name()))
    }

    /// The error of an answer that lacks what is needed.
    #[must_use]
    pub(crate) fn misshapen(&self, tool: Tool) -> McpError {
        McpError::Shape(tool.name())
    }
}

/// A session that can't be opened.
fn not_opened(error: &ClientInitializeError) -> McpError {
    match error {
        refused if refused.is_authorization_required() => McpError::Unauthorized,
        ClientInitializeError::TransportError { error, .. } => failed(error),
        other => failed(other),
    }
}

/// The transport keeps a refusal of the token as one of its own errors.
fn failed(error: &(dyn Error + 'static)) -> McpError {
    let mut text = String::new();
    let mut next = Some(error);
    while let Some(inner) = next {
        if inner.is::<AuthRequiredError>() {
            return McpError::Unauthorized;
        }
        let message = inner.to_string();
        if text.is_empty() {
            text = message;
        } else if !text.ends_with(&message) {
            text = format!("{text}: {message}");
        }
        next = inner.source();
    }
    McpError::Transport(text)
}
