//! Tools of the MCP server, called for a connection: with a token that is good, and with another one when it is refused.

use super::Connections;
use super::oauth::OAuthError;
use crate::close::{McpClient, McpError, Object, Tool};
use crate::error::SyncError;
use secrecy::SecretString;
use serde_json::{Map, Value};
use uuid::Uuid;

/// Where an answer may keep its list. One that has a single list keeps it there, whatever it is called.
const LISTS: [&str; 5] = ["data", "items", "results", "users", "fields"];

/// Where the next page of a list begins, in an answer and in the question for it.
pub(crate) const CURSOR: &str = "cursor";

/// A session of a connection with its MCP server.
#[derive(Debug)]
pub(crate) struct McpSession {
    connections: Connections,
    id: Uuid,
    client: McpClient,
    token: SecretString,
    calls: i64,
}

/// A page of a list, as its objects came, and where the next one begins.
pub(crate) struct Listed {
    pub(crate) rows: Vec<Value>,
    pub(crate) cursor: Option<String>,
}

impl McpSession {
    /// Opens a session; a token that is refused before its end is renewed once.
    pub(crate) async fn open(connections: &Connections, id: Uuid) -> Result<Self, SyncError> {
        let (client, token) = match connect(connections, id, None).await {
            Err(error) if is_refused(&error) => {
                let (_, stale) = connections.mcp_access(id, None).await?;
                connect(connections, id, Some(&stale)).await?
            }
            opened => opened?,
        };
        Ok(Self {
            connections: connections.clone(),
            id,
            client,
            token,
            calls: 0,
        })
    }

    /// Calls a tool.
    pub(crate) async fn call(&mut self, tool: Tool, arguments: Value) -> Result<Value, SyncError> {
        self.calls += 1;
        match self.client.call(tool, arguments.clone()).await {
            Err(McpError::Unauthorized) => {
                let renewed = connect(&self.connections, self.id, Some(&self.token)).await;
                (self.client, self.token) = renewed?;
                Ok(self.client.call(tool, arguments).await?)
            }
            answer => Ok(answer?),
        }
    }

    /// All pages of a list.
    pub(crate) async fn whole_list(&mut self, tool: Tool) -> Result<Vec<Value>, SyncError> {
        let (mut rows, mut arguments) = (Vec::new(), Map::new());
        loop {
            let listed = self.list(tool, &arguments).await?;
            rows.extend(listed.rows);
            let Some(cursor) = listed.cursor else {
                return Ok(rows);
            };
            arguments.insert(CURSOR.to_owned(), cursor.into());
        }
    }

    /// Calls a tool that answers one object.
    pub(crate) async fn object(&mut self, tool: Tool, close_id: &str) -> Result<Object, SyncError> {
        let arguments = serde_json::json!({ "id": close_id });
        let answer = self.call(tool, arguments).await?;
        Object::parse(&answer.to_string()).map_err(|_| McpError::Shape(tool.name()).into())
    }

    /// Calls a tool that answers a list, for one page of it.
    pub(crate) async fn list(
        &mut self,
        tool: Tool,
        arguments: &Map<String, Value>,
    ) -> Result<Listed, SyncError> {
        let mut answer = self.call(tool, arguments.clone().into()).await?;
        let cursor = answer.get(CURSOR).and_then(Value::as_str);
        let cursor = cursor.filter(|cursor| !cursor.is_empty());
        let cursor = cursor.map(str::to_owned);
        let asked = arguments.get(CURSOR).and_then(Value::as_str);
        if cursor.is_some() && cursor.as_deref() == asked {
            return Err(McpError::Stuck(tool.name()).into());
        }
        let list = match &mut answer {
            Value::Array(_) => Some(answer),
            Value::Object(keys) => LISTS
                .iter()
                .find_map(|name| keys.remove(*name))
                .or_else(|| only_list(keys)),
            _ => None,
        };
        match list {
            Some(Value::Array(rows)) => Ok(Listed { rows, cursor }),
            _ => Err(McpError::Shape(tool.name()).into()),
        }
    }

    /// Calls so far.
    pub(crate) const fn calls(&self) -> i64 {
        self.calls
    }
}

fn only_list(keys: &mut Map<String, Value>) -> Option<Value> {
    let mut lists = keys.values_mut().filter(|value| value.is_array());
    match (lists.next(), lists.next()) {
        (Some(only), None) => Some(only.take()),
        _ => None,
    }
}

async fn connect(
    connections: &Connections,
    id: Uuid,
    stale: Option<&SecretString>,
) -> Result<(McpClient, SecretString), SyncError> {
    let (server, token) = connections.mcp_access(id, stale).await?;
    let client = McpClient::open(&server, &token).await?;
    let client = client.shared(connections.pool().clone(), id);
    Ok((client, token))
}

fn is_refused(error: &SyncError) -> bool {
    matches!(
        error,
        SyncError::OAuth(OAuthError::Mcp(McpError::Unauthorized))
    )
}
