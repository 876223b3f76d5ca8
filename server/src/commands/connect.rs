//! `closegraph connect close`.

use crate::cli::ConnectArgs;
use crate::config::Config;
use crate::database::Database;
use crate::vault;
use anyhow::Context;
use closegraph_sync::connect::{ConnectRequest, Connections, connect_api_key};
use secrecy::SecretString;
use serde_json::json;
use std::io::Read;

pub(super) async fn run(config: &Config, args: ConnectArgs) -> anyhow::Result<()> {
    let api_key = api_key(&args)?;
    let as_json = args.output.json;
    let configured = config.http.public_url.as_ref().map(ToString::to_string);
    let request = ConnectRequest {
        api_key,
        base_url: args.base_url,
        public_url: args.webhook_url.or(configured),
        time_zone: args.time_zone,
        fiscal_year_start: args.fiscal_year_start,
    };
    let database = Database::open(config).await?;
    database.migrate().await?;
    let connections = Connections::new(database.pool.clone(), vault::open(config)?);
    let connected = connect_api_key(&connections, &request).await;
    database.close().await;
    let connected = connected.context("Close could not be connected")?;
    if as_json {
        let shown = json!({
            "id": connected.id,
            "organizationId": connected.organization_id,
            "organizationName": connected.organization_name,
            "webhookUrl": connected.webhook_url,
            "renewed": connected.renewed,
        });
        return super::print(&shown.to_string());
    }
    let name = connected
        .organization_name
        .unwrap_or(connected.organization_id);
    let webhook = connected.webhook_url.map_or_else(
        || {
            "No webhook was made: set http.public_url or --webhook-url, and connect again."
                .to_owned()
        },
        |url| format!("Close delivers changes to {url}"),
    );
    super::print(&format!(
        "{} {name} as {}\n{webhook}\nNext: closegraph serve (or closegraph sync backfill)",
        if connected.renewed {
            "Renewed"
        } else {
            "Connected"
        },
        connected.id,
    ))
}

fn api_key(args: &ConnectArgs) -> anyhow::Result<SecretString> {
    let key = match &args.api_key_env {
        Some(name) => std::env::var(name)
            .with_context(|| format!("the environment variable {name} holds no API key"))?,
        None => {
            let mut key = String::new();
            std::io::stdin()
                .take(4096)
                .read_to_string(&mut key)
                .context("standard input can't be read")?;
            key
        }
    };
    let key = key.trim().to_owned();
    anyhow::ensure!(!key.is_empty(), "the API key is empty");
    Ok(SecretString::from(key))
}
