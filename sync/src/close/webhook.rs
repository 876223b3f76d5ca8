//! Our own webhook subscription: the only thing that we ever write to Close.

use super::client::CloseClient;
use super::error::CloseError;
use super::signature::SigningKey;
use secrecy::SecretString;
use serde::Deserialize;
use serde_json::json;

const CHANGED: &[&str] = &["created", "updated", "deleted"];

/// What the mirror can't do without, by object type and actions.
const NEEDED: &[(&str, &[&str])] = &[
    ("lead", &["created", "updated", "deleted", "merged"]),
    ("contact", CHANGED),
    ("opportunity", CHANGED),
];

/// What invoices are kept in, and how it is defined: not every organization's plan has it.
const CUSTOM: &[(&str, &[&str])] = &[
    ("custom_object", CHANGED),
    ("activity.custom_activity", CHANGED),
    ("custom_object_type", CHANGED),
    ("custom_activity_type", CHANGED),
    ("custom_fields.custom_object", CHANGED),
    ("custom_fields.activity", CHANGED),
    ("custom_fields.shared", CHANGED),
];

fn pairs<'a>(
    types: &'a [&[(&'static str, &'static [&'static str])]],
) -> impl Iterator<Item = (&'static str, &'static str)> + 'a {
    let types = types.iter().flat_map(|types| types.iter());
    types.flat_map(|(object_type, actions)| {
        actions.iter().map(move |action| (*object_type, *action))
    })
}

#[derive(Debug, Deserialize)]
struct EventType {
    object_type: String,
    action: String,
}

/// What a subscription is to deliver: `[{"object_type", "action"}]`.
pub fn wanted_events() -> serde_json::Value {
    events(&[NEEDED, CUSTOM])
}

/// A subscription as Close answers it.
#[derive(Debug, Deserialize)]
pub struct Subscription {
    pub id: String,
    pub url: String,
    /// `active` or `paused`.
    pub status: String,
    #[serde(default)]
    events: Vec<EventType>,
    /// 64 hex characters, only in the answer to its creation.
    #[serde(default)]
    pub signature_key: Option<SecretString>,
}

impl CloseClient {
    /// Creates a subscription that delivers to `url`.
    pub async fn create_subscription(&self, url: &str) -> Result<Subscription, CloseError> {
        let body = |events| json!({"url": url, "events": events, "verify_ssl": true});
        self.write_events(None, body).await
    }

    /// Points a subscription to `url`, with today's event list, and switches it on.
    pub async fn update_subscription(
        &self,
        id: &str,
        url: &str,
    ) -> Result<Subscription, CloseError> {
        let body = |events| json!({"url": url, "events": events, "status": "active"});
        self.write_events(Some(id), body).await
    }

    /// Subscribes to all events that are modelled; to those that every organization has where Close refuses the others.
    async fn write_events(
        &self,
        id: Option<&str>,
        body: impl Fn(serde_json::Value) -> serde_json::Value,
    ) -> Result<Subscription, CloseError> {
        let refused = match self
            .write_webhook(id, &body(events(&[NEEDED, CUSTOM])))
            .await
        {
            Err(error) if error.status() == Some(400) => error,
            written => return written,
        };
        let written = self.write_webhook(id, &body(events(&[NEEDED]))).await?;
        tracing::warn!(
            error = crate::redact::without_values(&refused.to_string()),
            "Close refuses a subscription to events of custom objects and activities: they are read from its log"
        );
        Ok(written)
    }

    /// All subscriptions that deliver to `url`.
    pub async fn subscriptions_to(&self, url: &str) -> Result<Vec<Subscription>, CloseError> {
        let listed: Listed = self.get("webhook/", &[("_limit", "100")]).await?;
        let mut subscriptions = listed.data;
        subscriptions.retain(|subscription| subscription.url == url);
        Ok(subscriptions)
    }

    /// Removes a subscription of ours; one that is gone already is no failure.
    pub async fn delete_subscription(&self, id: &str) -> Result<(), CloseError> {
        match self.delete_webhook(id).await {
            Err(error) if !error.is_not_found() => Err(error),
            _ => Ok(()),
        }
    }

    /// Reads a subscription; `None` when Close has it no more.
    pub async fn subscription(&self, id: &str) -> Result<Option<Subscription>, CloseError> {
        match self.get(&format!("webhook/{id}/"), &[]).await {
            Ok(subscription) => Ok(Some(subscription)),
            Err(error) if error.is_not_found() => Ok(None),
            Err(error) => Err(error),
        }
    }
}

#[derive(Deserialize)]
struct Listed {
    data: Vec<Subscription>,
}

impl Subscription {
    /// What keeps it from delivering all that is modelled to `url`, in words.
    pub fn defect(&self, url: &str) -> Option<&'static str> {
        let listed = |object_type: &str, action: &str| {
            let mut events = self.events.iter();
            events.any(|known| known.object_type == object_type && known.action == action)
        };
        let listens =
            |types: &[_]| pairs(types).all(|(object_type, action)| listed(object_type, action));
        let count = |types: &[_]| pairs(types).count() == self.events.len();
        let (all, needed): (&[_], &[_]) = (&[NEEDED, CUSTOM], &[NEEDED]);
        let complete = listens(all) && count(all) || listens(needed) && count(needed);
        if self.status != "active" {
            Some("it is paused")
        } else if self.url != url {
            Some("it delivers to another address")
        } else if !complete {
            Some("its list of events is another one")
        } else {
            None
        }
    }

    /// The key that deliveries are signed with, where this answer carries it.
    pub fn signing_key(&self) -> Option<SigningKey> {
        use secrecy::ExposeSecret;
        SigningKey::from_hex(self.signature_key.as_ref()?.expose_secret())
    }
}

fn events(types: &[&[(&'static str, &'static [&'static str])]]) -> serde_json::Value {
    pairs(types)
        .map(|(object_type, action)| json!({"object_type": object_type, "action": action}))
        .collect()
}
