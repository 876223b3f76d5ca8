//! Webhook subscriptions that a person makes by hand, for a connection that can't make its own: the person hands their
//! key over. What they deliver is taken like any other delivery; they themselves are never touched.

use super::connections::{Connections, parse_base_url};
use super::oauth::HOOKED;
use crate::close::signature::SigningKey;
use crate::error::SyncError;
use secrecy::{ExposeSecret, SecretString};
use uuid::Uuid;

/// The keys are sealed as this.
pub(super) const HANDED_KEYS: &str = "handed_keys";

/// Keys that are kept: the one before stays valid for what it has signed, until its subscription is removed.
const KEPT: usize = 2;

/// Where a subscription that is made by hand has to deliver.
pub async fn handed_address(
    connections: &Connections,
    id: Uuid,
    public_url: &str,
) -> Result<String, SyncError> {
    let own: Option<bool> = sqlx::query_scalar(
        "select webhook_subscription_id is not null from connection where id = $1",
    )
    .bind(id)
    .fetch_optional(connections.pool())
    .await?;
    if own.ok_or(SyncError::UnknownConnection(id))? {
        return Err(SyncError::OwnSubscription(id));
    }
    let root = public_url.trim_end_matches('/');
    Ok(parse_base_url(&format!("{root}/webhooks/close/{id}"))?.into())
}

/// Takes the key of a subscription that a person has made, and answers where it has to deliver.
pub async fn hand_over_key(
    connections: &Connections,
    id: Uuid,
    public_url: &str,
    key: &SecretString,
) -> Result<String, SyncError> {
    if SigningKey::from_hex(key.expose_secret()).is_none() {
        return Err(SyncError::SigningKey);
    }
    let url = handed_address(connections, id, public_url).await?;
    let mut transaction = connections.pool().begin().await?;
    let kept: Option<Vec<u8>> =
        sqlx::query_scalar("select webhook_handed_keys from connection where id = $1 for update")
            .bind(id)
            .fetch_one(&mut *transaction)
            .await?;
    let mut keys = vec![key.clone()];
    let before = kept.and_then(|kept| read(connections, id, &kept).ok());
    let before = before.unwrap_or_default().into_iter();
    keys.extend(before.filter(|known| known.expose_secret() != key.expose_secret()));
    keys.truncate(KEPT);
    let text: Vec<&str> = keys.iter().map(ExposeSecret::expose_secret).collect();
    let text = SecretString::from(text.join("\n"));
    let sealed = connections.vault().seal(id, HANDED_KEYS, &text)?;
    sqlx::query(
        "update connection
            set webhook_handed_keys = $2, webhook_url = $3, updated_at = now(),
                status_reason = case when auth_method = 'mcp' and status = 'active' then $4 else status_reason end
          where id = $1",
    )
    .bind(id)
    .bind(sealed)
    .bind(&url)
    .bind(HOOKED)
    .execute(&mut *transaction)
    .await?;
    transaction.commit().await?;
    Ok(url)
}

/// The keys, the newest first.
pub(super) fn read(
    connections: &Connections,
    id: Uuid,
    sealed: &[u8],
) -> Result<Vec<SecretString>, SyncError> {
    let text = connections.vault().open(id, HANDED_KEYS, sealed)?;
    let keys = text.expose_secret().lines();
    Ok(keys.map(SecretString::from).collect())
}
