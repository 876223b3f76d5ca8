//! `closegraph disconnect`.

use crate::cli::DisconnectArgs;
use crate::config::Config;
use crate::vault;
use anyhow::Context;
use closegraph_sync::connect::{Connections, disconnect};
use serde_json::json;

pub(super) async fn run(config: &Config, args: &DisconnectArgs) -> anyhow::Result<()> {
    let done = super::on_database(config, async |database| {
        database.migrate().await?;
        let connections = Connections::new(database.pool.clone(), vault::open(config)?);
        let done = disconnect(&connections, args.id, args.force).await;
        done.context(
            "nothing is read any more, but Close could not be told, so the credentials are kept: run it again, or \
             with --force",
        )
    })
    .await?;
    if args.output.json {
        let shown = json!({
            "id": args.id,
            "subscriptionRemoved": done.subscription_removed,
            "accessRevoked": done.access_revoked,
            "left": done.left,
        });
        return super::print(&shown.to_string());
    }
    let name = done
        .organization_name
        .unwrap_or_else(|| args.id.to_string());
    let mut lines = vec![format!(
        "Disconnected {name}: nothing is read any more, and the credentials are erased. What was mirrored stays."
    )];
    if done.subscription_removed {
        lines.push("Its webhook subscription is removed from Close.".to_owned());
    }
    if done.access_revoked {
        lines.push("The access is given back to Close.".to_owned());
    }
    for left in done.left {
        lines.push(format!("Close could not be told; remove it there: {left}"));
    }
    super::print(&lines.join("\n"))
}
