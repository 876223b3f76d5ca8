//! Sending: one worker a subscription, several deliveries at once, retries with backoff
//! (dossier 5.3, 5.5).

use std::sync::Arc;
use std::time::{Duration, Instant};

use reqwest::header::CONTENT_TYPE;
use serde::Serialize;

use super::queue::Delivery;
use super::sign;
use super::subscription::{Next, Subscription};
use super::{Inner, lock};
use crate::world::event::Event;
use crate::world::id::Id;

/// The body of a delivery: exactly two keys.
#[derive(Serialize)]
struct Envelope<'e> {
    subscription_id: Id,
    event: &'e Event,
}

/// Delivers until the subscription is deleted or the simulator stops.
pub(super) async fn run(inner: Arc<Inner>, subscription: Arc<Subscription>) {
    loop {
        let due = match subscription.next(inner.timing.concurrency) {
            Next::Stop => return,
            Next::Deliver(delivery) => {
                let (inner, subscription) = (Arc::clone(&inner), Arc::clone(&subscription));
                inner.tasks.clone().spawn(async move {
                    tokio::select! {
                        () = inner.shutdown.cancelled() => {}
                        () = inner.attempt(&subscription, *delivery) => {}
                    }
                    subscription.landed();
                    inner.progress.notify_waiters();
                });
                continue;
            }
            Next::Wait(due) => due,
        };
        let turn = async {
            match due {
                Some(due) => tokio::time::sleep_until(due.into()).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = inner.shutdown.cancelled() => return,
            () = subscription.wake.notified() => {}
            () = turn => {}
        }
    }
}

impl Inner {
    async fn attempt(&self, subscription: &Subscription, mut delivery: Delivery) {
        if !subscription.passes(&delivery.event) {
            return;
        }
        let faults = lock(&self.faults).clone();
        if delivery.attempts == 0 && !delivery.copy {
            if self.hits(faults.webhook_drops) {
                return;
            }
            if self.hits(faults.webhook_duplicates) {
                let copy = Delivery {
                    copy: true,
                    ..delivery.clone()
                };
                subscription.requeue(copy, Instant::now() + self.disorder(&faults));
            }
        }
        let now = sign::unix_now();
        let (first_at, first_stamp) = *delivery.first.get_or_insert((Instant::now(), now));
        delivery.attempts += 1;
        let stamp = if self.timing.resign_retries {
            now
        } else {
            first_stamp
        };
        let envelope = Envelope {
            subscription_id: subscription.id,
            event: &delivery.event,
        };
        let Ok(body) = serde_json::to_vec(&envelope) else {
            return;
        };
        let sent = self.send(subscription, body, stamp).await;
        let outcome = sent.map_err(|error| {
            if error.is_timeout() {
                "Timeout"
            } else {
                "ConnectionError"
            }
        });
        let at = self.clock.now();
        let paused = subscription.note(&delivery, outcome, at, self.timing.pause_after);
        let success = outcome.is_ok_and(|status| (200..300).contains(&status));
        if success || paused || first_at.elapsed() >= self.timing.give_up {
            return;
        }
        let wait = self.backoff(delivery.attempts);
        subscription.requeue(delivery, Instant::now() + wait);
    }

    /// Doubles from the first wait to the longest.
    fn backoff(&self, attempts: u32) -> Duration {
        let factor = 1_u32
            .checked_shl(attempts.saturating_sub(1))
            .unwrap_or(u32::MAX);
        self.timing
            .retry_first
            .saturating_mul(factor.max(1))
            .min(self.timing.retry_max)
    }

    pub(super) async fn send(
        &self,
        subscription: &Subscription,
        body: Vec<u8>,
        stamp: u64,
    ) -> Result<u16, reqwest::Error> {
        let settings = subscription.settings();
        let client = if settings.verify_ssl {
            &self.strict
        } else {
            &self.lenient
        };
        let stamp = stamp.to_string();
        let signature = sign::signature(&subscription.key, &stamp, &body);
        let request = client
            .post(&settings.url)
            .header(CONTENT_TYPE, "application/json")
            .header("close-sig-timestamp", stamp)
            .header("close-sig-hash", signature)
            .body(body);
        Ok(request.send().await?.status().as_u16())
    }
}
