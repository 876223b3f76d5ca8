//! Our own webhook subscription: the only thing that we ever write to Close.

use super::client::CloseClient;
use super::error::CloseError;
use super::signature::SigningKey;
use secrecy::SecretString;
use serde::Deserialize;
use serde_json::json;

/// An event type that is subscribed to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SubscribedEvent {
    pub object_type: &'static str,
    pub action: &'static str,
}

/// Exactly the events that are modelled.
const EVENTS: [SubscribedEvent; 10] = [
    SubscribedEvent {
        object_type: "lead",
        action: "created",
    },
    SubscribedEvent {
        object_type: "lead",
        action: "updated",
    },
    SubscribedEvent {
        object_type: "lead",
        action: "deleted",
    },
    SubscribedEvent {
        object_type: "lead",
        action: "merged",
    },
    SubscribedEvent {
        object_type: "contact",
        action: "created",
    },
    SubscribedEvent {
        object_type: "contact",
        action: "updated",
    },
    SubscribedEvent {
        object_type: "contact",
        action: "deleted",
    },
    SubscribedEvent {
        object_type: "opportunity",
        action: "created",
    },
    SubscribedEvent {
        object_type: "opportunity",
        action: "updated",
    },
    SubscribedEvent {
        object_type: "opportunity",
        action: "deleted",
    },
];

#[derive(Debug, Deserialize)]
struct EventType {
    object_type: String,
    action: String,
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
        self.write_webhook(
            None,
            &json!({"url": url, "events": events(), "verify_ssl": true}),
        )
        .await
    }

    /// Points a subscription to `url`, with today's event list, and switches it on.
    pub async fn update_subscription(
        &self,
        id: &str,
        url: &str,
    ) -> Result<Subscription, CloseError> {
        let body = json!({"url": url, "events": events(), "status": "active"});
        self.write_webhook(Some(id), &body).await
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
        let listens = |event: &SubscribedEvent| {
            self.events
                .iter()
                .any(|known| known.object_type == event.object_type && known.action == event.action)
        };
        if self.status != "active" {
            Some("it is paused")
        } else if self.url != url {
            Some("it delivers to another address")
        } else if !EVENTS.iter().all(listens) || self.events.len() != EVENTS.len() {
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

fn events() -> serde_json::Value {
    EVENTS
        .iter()
        .map(|event| json!({"object_type": event.object_type, "action": event.action}))
        .collect()
}
