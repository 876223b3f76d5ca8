//! `closegraph connect`.

mod mcp;
mod set;

pub(super) use set::run as set;

use super::Usage;
use super::backfill::choose;
use crate::cli::{ConnectArgs, ConnectionArgs};
use crate::config::Config;
use crate::vault;
use anyhow::Context;
use closegraph_sync::connect::{
    ConnectRequest, Connected, Connections, connect_api_key, rotate_signing_key,
};
use secrecy::SecretString;
use serde_json::{Value, json};
use std::io::Read;

pub(super) async fn run(config: &Config, args: ConnectArgs) -> anyhow::Result<()> {
    if args.mcp.mcp {
        return mcp::run(config, &args.mcp, args.output.json).await;
    }
    let api_key = api_key(&args)?;
    let as_json = args.output.json;
    let configured = config.http.public_url.as_ref().map(ToString::to_string);
    let request = ConnectRequest {
        api_key,
        base_url: args.base_url.to_string(),
        public_url: args.webhook_url.map(Into::into).or(configured),
        time_zone: args.time_zone,
        fiscal_year_start: args.fiscal_year_start,
    };
    let connected = super::on_database(config, async |database| {
        database.migrate().await?;
        let connections = Connections::new(database.pool.clone(), vault::open(config)?);
        let connected = connect_api_key(&connections, &request).await;
        connected.context("Close could not be connected")
    })
    .await?;
    if as_json {
        return super::print(&describe(&connected).to_string());
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

/// A connection that was just made, in JSON.
fn describe(connected: &Connected) -> Value {
    json!({
        "id": connected.id,
        "organizationId": connected.organization_id,
        "organizationName": connected.organization_name,
        "webhookUrl": connected.webhook_url,
        "renewed": connected.renewed,
    })
}

pub(super) async fn rotate_key(config: &Config, args: &ConnectionArgs) -> anyhow::Result<()> {
    let subscription = super::on_database(config, async |database| {
        database.migrate().await?;
        let connections = Connections::new(database.pool.clone(), vault::open(config)?);
        let id = choose(&connections, args.connection).await?;
        let rotated = rotate_signing_key(&connections, id).await;
        rotated.context("the signing key could not be changed")
    })
    .await?;
    if args.output.json {
        return super::print(&json!({ "subscriptionId": subscription }).to_string());
    }
    super::print(&format!(
        "Close signs with a new key now, by the subscription {subscription}; what the old key has signed is still accepted"
    ))
}

fn api_key(args: &ConnectArgs) -> anyhow::Result<SecretString> {
    let (key, place) = match &args.api_key_env {
        Some(name) => {
            let key = std::env::var(name).unwrap_or_default();
            (key, format!("the environment variable {name}"))
        }
        None => {
            let mut key = String::new();
            std::io::stdin()
                .take(4096)
                .read_to_string(&mut key)
                .context("standard input can't be read")?;
            (key, "standard input".to_owned())
        }
    };
    match key.trim() {
        "" => Err(Usage(format!("{place} holds no API key")).into()),
        key => Ok(SecretString::from(key.to_owned())),
    }
}
