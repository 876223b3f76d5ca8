//! Events as Close sends them, signed and ready to be written to a socket.

use anyhow::Context;
use chrono::{TimeDelta, Utc};
use closegraph_tests::{Close, sign};
use serde_json::{Value, json};
use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Renamings of companies, one after the other, each with an id and a version of its own.
#[derive(Debug)]
pub(super) struct Events {
    /// Path of the webhook.
    path: String,
    key: String,
    leads: Vec<Value>,
    places: HashMap<String, usize>,
    /// How many were sent.
    sent: AtomicUsize,
}

impl Events {
    /// About all leads of an organization.
    pub(super) async fn of(close: &Close) -> anyhow::Result<Self> {
        let hooks: Value = serde_json::from_str(&close.control("webhooks").await?)?;
        let key = hooks.pointer("/data/0/signature_key");
        let key = key.and_then(Value::as_str).context("no subscription")?;
        let path = format!("/webhooks/close/{}", close.connection);
        let leads = close.objects("lead").await?.into_values().collect();
        Ok(Self::about(leads, key, path))
    }

    pub(super) fn about(leads: Vec<Value>, key: &str, path: String) -> Self {
        let id = |lead: &Value| Some(lead.get("id")?.as_str()?.to_owned());
        let places = leads.iter().enumerate();
        let places = places.filter_map(|(place, lead)| Some((id(lead)?, place)));
        Self {
            path,
            key: key.to_owned(),
            places: places.collect(),
            sent: AtomicUsize::new(0),
            leads,
        }
    }

    /// The name that the event of a number gives.
    pub(super) fn name(number: usize) -> String {
        format!("Event {number}")
    }

    /// The company that the event of a number is about.
    pub(super) fn lead(&self, number: usize) -> Option<&str> {
        let lead = self.leads.get(number % self.leads.len())?;
        lead.get("id")?.as_str()
    }

    /// The next so many requests.
    pub(super) fn requests(&self, count: usize) -> anyhow::Result<Vec<Vec<u8>>> {
        let first = self.count();
        (first..first + count)
            .map(|number| self.request(number))
            .collect()
    }

    fn request(&self, number: usize) -> anyhow::Result<Vec<u8>> {
        let body = self.body(number)?;
        let timestamp = Utc::now().timestamp().to_string();
        let hash = sign(&self.key, &timestamp, body.as_bytes())?;
        Ok(format!(
            "POST {} HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\
             close-sig-timestamp: {timestamp}\r\nclose-sig-hash: {hash}\r\n\r\n{body}",
            self.path,
            body.len()
        )
        .into_bytes())
    }

    /// A delivery: the whole lead with a new name and a later date.
    pub(super) fn body(&self, number: usize) -> anyhow::Result<String> {
        let mut data = self
            .leads
            .get(number % self.leads.len())
            .context("no lead")?
            .clone();
        let at = Utc::now() + TimeDelta::microseconds(i64::try_from(number)?);
        let at = at.format("%Y-%m-%dT%H:%M:%S%.6f").to_string();
        let lead = data.as_object_mut().context("a lead is no object")?;
        let before = lead.insert("name".to_owned(), Self::name(number).into());
        lead.insert("date_updated".to_owned(), format!("{at}+00:00").into());
        for embedded in ["contacts", "opportunities", "tasks"] {
            lead.remove(embedded);
        }
        let id = lead.get("id").cloned();
        let event = json!({
            "id": format!("ev_bench{number:012}"), "object_type": "lead", "object_id": id, "lead_id": id,
            "action": "updated", "changed_fields": ["name"], "previous_data": { "name": before },
            "date_created": at, "date_updated": at, "data": data, "meta": {}, "user_id": null,
            "organization_id": "orga_bench", "request_id": "req_bench", "api_key_id": null, "oauth_client_id": null,
            "oauth_scope": null,
        });
        Ok(json!({ "subscription_id": "whsub_bench", "event": event }).to_string())
    }

    /// Notes that so many more were sent.
    pub(super) fn sent(&self, count: usize) {
        self.sent.fetch_add(count, Ordering::Relaxed);
    }

    pub(super) fn count(&self) -> usize {
        self.sent.load(Ordering::Relaxed)
    }

    /// How many companies had an event.
    pub(super) fn companies(&self) -> usize {
        self.count().min(self.leads.len())
    }

    /// What the last event that was sent calls a company.
    pub(super) fn last_name(&self, close_id: &str) -> Option<String> {
        let place = *self.places.get(close_id)?;
        let rounds = self.count().checked_sub(place + 1)? / self.leads.len();
        Some(Self::name(place + rounds * self.leads.len()))
    }
}
