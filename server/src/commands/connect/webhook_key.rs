//! `closegraph connect webhook-key`: a webhook that a person makes in Close feeds a connection that can't make its own.

use super::super::Usage;
use super::super::backfill::choose;
use super::secret;
use crate::cli::WebhookKeyArgs;
use crate::config::Config;
use crate::vault;
use anyhow::Context;
use closegraph_sync::close::wanted_events;
use closegraph_sync::connect::{Connections, hand_over_key, handed_address};
use serde_json::json;

pub(in crate::commands) async fn run(config: &Config, args: &WebhookKeyArgs) -> anyhow::Result<()> {
    let public_url = args
        .webhook_url
        .as_ref()
        .or(config.http.public_url.as_ref());
    let public_url = public_url.ok_or_else(|| {
        let advice = "webhook-key needs http.public_url or --webhook-url, where Close reaches this deployment";
        Usage(advice.to_owned())
    })?;
    super::super::on_database(config, async |database| {
        database.migrate().await?;
        let connections = Connections::new(database.pool.clone(), vault::open(config)?);
        let id = choose(&connections, args.connection).await?;
        let address = handed_address(&connections, id, public_url.as_str()).await?;
        let body = json!({ "url": address, "events": wanted_events(), "verify_ssl": true });
        if args.print {
            return super::super::print(&body.to_string());
        }
        super::super::tell(&format!(
            "The webhook subscription in Close has to deliver to\n\n  {address}\n\nand to be made with this body, by somebody with an API \
             key, such as\n\n  curl -u \"$CLOSE_API_KEY:\" -H 'Content-Type: application/json' https://api.close.com/api/v1/webhook/ \
             -d '{body}'\n\nThe answer holds its signature_key, once."
        ))?;
        let key = secret::read(args.key_env.as_deref(), "signature_key")?;
        let taken = hand_over_key(&connections, id, public_url.as_str(), &key).await;
        let url = taken.context("the key was not taken")?;
        if args.output.json {
            let shown = json!({ "id": id, "webhookUrl": url });
            return super::super::print(&shown.to_string());
        }
        super::super::print(&format!(
            "Deliveries to {url} that are signed with the key are taken, and feed the connection {id}.\n\
             The subscription stays yours: it is neither watched nor changed nor removed from here."
        ))
    })
    .await
}
