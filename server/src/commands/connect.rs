//! `closegraph connect`.

mod browser;
mod secret;
mod set;
mod webhook_key;

pub(super) use set::run as set;
pub(super) use webhook_key::run as webhook_key;

use super::backfill::choose;
use super::connections::lacks_of;
use crate::cli::{ConnectArgs, ConnectionArgs};
use crate::config::Config;
use crate::vault;
use anyhow::Context;
use closegraph_entity::permission::{ADMIN, Granted};
use closegraph_sync::connect::{
    ConnectRequest, Connected, Connections, add_api_key, connect_api_key, rotate_signing_key,
};
use serde_json::{Value, json};

pub(super) async fn run(config: &Config, args: ConnectArgs) -> anyhow::Result<()> {
    if args.browser.mcp || args.browser.oauth {
        return browser::run(config, &args).await;
    }
    let api_key = secret::read(args.api_key_env.as_deref(), "API key")?;
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
        let connected = match args.connection {
            Some(id) => add_api_key(&connections, id, &request).await,
            None => connect_api_key(&connections, &request).await,
        };
        connected.context("Close could not be connected")
    })
    .await?;
    show(&connected, as_json)
}

/// Tells of a connection by the REST API, and of what its credential does not see.
fn show(connected: &Connected, as_json: bool) -> anyhow::Result<()> {
    let lacks = told(&connected.scopes);
    if as_json {
        if let Some(lacks) = lacks {
            super::tell(&lacks)?;
        }
        return super::print(&describe(connected).to_string());
    }
    let name = connected.organization_name.as_ref();
    let webhook = connected.webhook_url.as_ref().map_or_else(
        || {
            "No webhook was made: set http.public_url or --webhook-url, and connect again."
                .to_owned()
        },
        |url| format!("Close delivers changes to {url}"),
    );
    let lacks = lacks.map(|lacks| format!("{lacks}\n")).unwrap_or_default();
    super::print(&format!(
        "{} {} as {}\n{webhook}\n{lacks}Next: closegraph serve (or closegraph sync backfill)",
        if connected.renewed {
            "Renewed"
        } else {
            "Connected"
        },
        name.unwrap_or(&connected.organization_id),
        connected.id,
    ))
}

/// A warning of what is missing, where something is.
fn told(scopes: &[Granted]) -> Option<String> {
    let lacks = lacks_of(scopes);
    if lacks.is_empty() {
        return None;
    }
    let advice = match scopes.iter().any(|one| one.name == ADMIN && !one.granted) {
        true => {
            "\nThe credential of an admin sees what another user's does not: connect again with one."
        }
        false => "",
    };
    let lacks = lacks.join("\n  ");
    Some(format!(
        "Warning: this credential does not see everything.\n  {lacks}{advice}"
    ))
}

/// A connection that was just made, in JSON.
fn describe(connected: &Connected) -> Value {
    json!({
        "id": connected.id,
        "organizationId": connected.organization_id,
        "organizationName": connected.organization_name,
        "webhookUrl": connected.webhook_url,
        "scopes": connected.scopes,
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
