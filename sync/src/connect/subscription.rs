//! Our webhook subscription at Close: made on connect, watched, repaired, and its key changed without a gap.

use super::connections::{Connections, SIGNING_KEY, parse_base_url};
use crate::close::{CloseClient, Subscription};
use crate::error::SyncError;
use crate::turn;
use uuid::Uuid;

/// What only one process does at a time: one that removes a subscription must not take it from another that changes it.
const SUBSCRIPTION: &str = "subscription";

/// Runs what makes, changes or removes the subscription of a connection while nobody else does.
pub(super) async fn alone<T>(
    connections: &Connections,
    id: Uuid,
    work: impl Future<Output = Result<T, SyncError>>,
) -> Result<T, SyncError> {
    turn::alone(connections.pool(), id, SUBSCRIPTION, work).await
}

/// Makes the subscription, or brings the one that we have up to date, and answers where it delivers.
pub(super) async fn subscribe(
    connections: &Connections,
    client: &CloseClient,
    id: Uuid,
    public_url: &str,
) -> Result<String, SyncError> {
    let subscribed = subscribe_alone(connections, client, id, public_url);
    alone(connections, id, subscribed).await
}

async fn subscribe_alone(
    connections: &Connections,
    client: &CloseClient,
    id: Uuid,
    public_url: &str,
) -> Result<String, SyncError> {
    let url = parse_base_url(&format!(
        "{}/webhooks/close/{id}",
        public_url.trim_end_matches('/')
    ))?;
    let known = known(connections, id).await?;
    if let Some((known, _)) = &known
        && client.subscription(known).await?.is_some()
    {
        if connections.signing_keys(id).await.is_ok() {
            let updated = client.update_subscription(known, url.as_str()).await?;
            note(connections, id, &updated, None).await?;
            return Ok(updated.url);
        }
        // Sealed under a key of the vault that is lost: what the subscription signs can't be verified.
        client.delete_subscription(known).await?;
    }
    create(connections, client, id, url.as_str()).await
}

/// What a look at the subscription found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Watched {
    /// There is none, and none is wanted.
    None,
    Healthy,
    /// It was not as it should be, for this reason, and is now.
    Repaired(&'static str),
}

/// Compares the subscription with what it should be and repairs it.
pub async fn watch_subscription(connections: &Connections, id: Uuid) -> Result<Watched, SyncError> {
    if known(connections, id).await?.is_none() {
        return Ok(Watched::None);
    }
    alone(connections, id, watch_alone(connections, id)).await
}

async fn watch_alone(connections: &Connections, id: Uuid) -> Result<Watched, SyncError> {
    let Some((known, url)) = known(connections, id).await? else {
        return Ok(Watched::None);
    };
    let client = connections.client(id).await?;
    let found = client.subscription(&known).await?;
    let defect = match &found {
        None => Some("Close has it no more"),
        Some(found) => found.defect(&url),
    };
    let Some(defect) = defect else {
        if let Some(found) = &found {
            note(connections, id, found, quiet(connections, id).await?).await?;
        }
        return Ok(Watched::Healthy);
    };
    tracing::warn!(connection = %id, subscription = known, defect, "the webhook subscription is repaired");
    metrics::counter!("closegraph_subscription_repairs_total").increment(1);
    if found.is_some() {
        let updated = client.update_subscription(&known, &url).await?;
        note(connections, id, &updated, None).await?;
    } else {
        create(connections, &client, id, &url).await?;
    }
    Ok(Watched::Repaired(defect))
}

/// Changes the key that deliveries are signed with: a second subscription is made first, then the old one removed.
/// What the old one signed is still accepted. Answers the new subscription's id.
pub async fn rotate_signing_key(connections: &Connections, id: Uuid) -> Result<String, SyncError> {
    alone(connections, id, rotate_alone(connections, id)).await
}

async fn rotate_alone(connections: &Connections, id: Uuid) -> Result<String, SyncError> {
    let (old, url) = known(connections, id)
        .await?
        .ok_or(SyncError::NoSubscription(id))?;
    let client = connections.client(id).await?;
    create(connections, &client, id, &url).await?;
    client.delete_subscription(&old).await?;
    let (new, _) = known(connections, id)
        .await?
        .ok_or(SyncError::NoSubscription(id))?;
    Ok(new)
}

/// Id and address of the subscription whose key we hold.
async fn known(
    connections: &Connections,
    id: Uuid,
) -> Result<Option<(String, String)>, sqlx::Error> {
    let known: Option<(Option<String>, Option<String>)> = sqlx::query_as(
        "select webhook_subscription_id, webhook_url from connection
          where id = $1 and webhook_signing_key is not null",
    )
    .bind(id)
    .fetch_optional(connections.pool())
    .await?;
    Ok(known.and_then(|(subscription, url)| Some((subscription?, url?))))
}

/// The key before stays valid for what it has signed already.
async fn create(
    connections: &Connections,
    client: &CloseClient,
    id: Uuid,
    url: &str,
) -> Result<String, SyncError> {
    let created = client.create_subscription(url).await?;
    let key = created
        .signature_key
        .as_ref()
        .ok_or(SyncError::NoCredential(id))?;
    let sealed = connections.vault().seal(id, SIGNING_KEY, key)?;
    let handed: bool = sqlx::query_scalar(
        "update connection
            set webhook_subscription_id = $2, webhook_old_signing_key = webhook_signing_key,
                webhook_signing_key = $3, webhook_url = $4, webhook_status = $5, webhook_checked_at = now(),
                webhook_problem = null
          where id = $1
         returning webhook_handed_keys is not null",
    )
    .bind(id)
    .bind(&created.id)
    .bind(sealed)
    .bind(&created.url)
    .bind(&created.status)
    .fetch_one(connections.pool())
    .await?;
    if handed {
        // A person's own delivers there, too, and can't be told from one of ours.
        return Ok(created.url);
    }
    if let Err(error) = remove_others(client, &created).await {
        tracing::warn!(connection = %id, error = error.logged(), "older subscriptions to the same address stay");
    }
    Ok(created.url)
}

/// A creation whose answer was lost, or a rotation that was cut short, leaves a subscription whose key nobody has.
async fn remove_others(client: &CloseClient, kept: &Subscription) -> Result<(), SyncError> {
    for other in client.subscriptions_to(&kept.url).await? {
        if other.id != kept.id {
            client.delete_subscription(&other.id).await?;
        }
    }
    Ok(())
}

async fn note(
    connections: &Connections,
    id: Uuid,
    found: &Subscription,
    problem: Option<String>,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "update connection
            set webhook_url = $2, webhook_status = $3, webhook_checked_at = now(), webhook_problem = $4
          where id = $1",
    )
    .bind(id)
    .bind(&found.url)
    .bind(&found.status)
    .bind(problem)
    .execute(connections.pool())
    .await
    .map(drop)
}

/// Whether the event log moves while the hook is quiet: events of the last day that should long have been delivered,
/// and none that was delivered after them.
async fn quiet(connections: &Connections, id: Uuid) -> Result<Option<String>, sqlx::Error> {
    let undelivered: i64 = sqlx::query_scalar(
        "select count(*) from event e
          where e.connection_id = $1 and e.origin = 'event_log' and e.delivered_at is null
            and e.received_at between now() - interval '1 day' and now() - interval '30 minutes'
            and not exists (select from event d
                             where d.connection_id = $1 and d.delivered_at > e.received_at
                               and d.received_at > now() - interval '1 day')
            and not exists (select from delivery d where d.connection_id = $1)",
    )
    .bind(id)
    .fetch_one(connections.pool())
    .await?;
    if undelivered == 0 {
        return Ok(None);
    }
    tracing::warn!(connection = %id, undelivered, "the webhook is quiet while the event log moves");
    Ok(Some(format!(
        "the subscription is active, but {undelivered} events of the log came by no webhook: can Close reach the address?"
    )))
}
