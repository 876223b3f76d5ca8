//! `closegraph vault`.

use super::{Usage, count};
use crate::cli::RotateArgs;
use crate::config::Config;
use crate::vault;
use anyhow::Context;
use closegraph_sync::connect::{Rotated, rotate_vault};
use serde_json::json;

pub(super) async fn rotate(config: &Config, args: &RotateArgs) -> anyhow::Result<()> {
    let configured = vault::is_configured(config);
    if configured && config.vault.old_keys.is_none() {
        let advice = "the vault's key comes from the configuration, where this command can't change it: put a new one into \
                      vault.key (CLOSEGRAPH_VAULT_KEY) and the one before into vault.old_keys \
                      (CLOSEGRAPH_VAULT_OLD_KEYS), restart every process, and run this again";
        return Err(Usage(advice.to_owned()).into());
    }
    let make_key = !configured && !args.under_current;
    let rotated = super::on_database(config, async |database| {
        database.migrate().await?;
        let vault = vault::open(config)?;
        let rotated = rotate_vault(&database.pool, &vault, make_key).await;
        rotated.context("nothing was sealed anew")
    })
    .await?;
    if args.output.json {
        let shown = json!({
            "resealed": rotated.resealed,
            "current": rotated.current,
            "unreadable": rotated.unreadable,
            "newKey": make_key,
        });
        super::print(&shown.to_string())?;
    } else {
        super::print(&said(&rotated, make_key))?;
    }
    if rotated.unreadable.is_empty() {
        return Ok(());
    }
    let ids: Vec<_> = rotated.unreadable.iter().map(ToString::to_string).collect();
    anyhow::bail!(
        "no key opens {} of these connections, left as they were: {}. Connect them again",
        count(i64::try_from(ids.len())?, "secret"),
        ids.join(", ")
    )
}

fn said(rotated: &Rotated, make_key: bool) -> String {
    let secrets = count(rotated.resealed, "secret");
    let key = if make_key { "a new" } else { "the current" };
    let before = match rotated.current {
        0 => String::new(),
        current => format!("\n{} had it already", count(current, "secret")),
    };
    let back_up = if make_key {
        "\nBack up the key file: it has changed"
    } else {
        ""
    };
    format!("{secrets} sealed anew under {key} key{before}{back_up}")
}
