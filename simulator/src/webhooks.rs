//! Webhook subscriptions and their deliveries (dossier 5).

mod deliver;
mod filter;
mod queue;
mod sign;
mod subscription;

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use serde_json::{Value, json};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

pub(crate) use self::subscription::{Settings, Subscription};

use crate::SimulatorError;
use crate::app::lock;
use crate::config::WebhookTiming;
use crate::faults::Faults;
use crate::generate;
use crate::world::event::Event;
use crate::world::id::{Id, IdKind};
use crate::world::moment::Clock;

/// How many subscriptions an organization may have.
pub(crate) const MOST: usize = 40;

/// How each signing key begins, so that one is recognized wherever it goes.
const MARK: [u8; 6] = [0x5e, 0xc4, 0xe7, 0x5e, 0xc4, 0xe7];

#[derive(Debug, Clone)]
pub(crate) struct Webhooks(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    timing: WebhookTiming,
    clock: Arc<Clock>,
    subscriptions: Mutex<Vec<Arc<Subscription>>>,
    faults: Mutex<Faults>,
    fault_rng: Mutex<ChaCha8Rng>,
    mint: Mutex<ChaCha8Rng>,
    strict: reqwest::Client,
    lenient: reqwest::Client,
    /// Wakes whoever waits for the queues to be empty.
    progress: Notify,
    shutdown: CancellationToken,
    tasks: TaskTracker,
}

fn client(timing: &WebhookTiming, verify: bool) -> Result<reqwest::Client, reqwest::Error> {
    reqwest::Client::builder()
        .timeout(timing.timeout)
        .redirect(reqwest::redirect::Policy::none())
        .tls_danger_accept_invalid_certs(!verify)
        .build()
}

impl Webhooks {
    pub(crate) fn new(
        timing: WebhookTiming,
        seed: u64,
        clock: Arc<Clock>,
        shutdown: CancellationToken,
        tasks: TaskTracker,
    ) -> Result<Self, SimulatorError> {
        Ok(Self(Arc::new(Inner {
            strict: client(&timing, true).map_err(SimulatorError::Client)?,
            lenient: client(&timing, false).map_err(SimulatorError::Client)?,
            timing,
            clock,
            subscriptions: Mutex::default(),
            faults: Mutex::default(),
            fault_rng: Mutex::new(generate::stream(seed, generate::WEBHOOK_FAULTS)),
            mint: Mutex::new(generate::stream(seed, generate::SUBSCRIPTIONS)),
            progress: Notify::new(),
            shutdown,
            tasks,
        })))
    }

    /// In the order in which they were made.
    pub(crate) fn all(&self) -> Vec<Arc<Subscription>> {
        lock(&self.0.subscriptions).clone()
    }

    pub(crate) fn find(&self, id: &str) -> Option<Arc<Subscription>> {
        self.all()
            .into_iter()
            .find(|subscription| subscription.id.as_str() == id)
    }

    /// None when there are as many as there may be.
    pub(crate) fn create(
        &self,
        settings: Settings,
        creator: Option<Id>,
    ) -> Option<Arc<Subscription>> {
        let mut subscriptions = lock(&self.0.subscriptions);
        if subscriptions.len() >= MOST {
            return None;
        }
        let mut mint = lock(&self.0.mint);
        let id = Id::random(IdKind::Webhook, &mut mint);
        let mut key: [u8; 32] = mint.random();
        for (byte, marked) in key.iter_mut().zip(MARK) {
            *byte = marked;
        }
        let created = self.0.clock.stamp();
        let subscription = Arc::new(Subscription::new(id, key, settings, creator, created));
        subscriptions.push(Arc::clone(&subscription));
        self.0
            .tasks
            .spawn(deliver::run(Arc::clone(&self.0), Arc::clone(&subscription)));
        Some(subscription)
    }

    /// Whether there was one.
    pub(crate) fn delete(&self, id: &str) -> bool {
        let mut subscriptions = lock(&self.0.subscriptions);
        let Some(place) = subscriptions.iter().position(|one| one.id.as_str() == id) else {
            return false;
        };
        subscriptions.remove(place).close();
        self.0.progress.notify_waiters();
        true
    }

    /// Queues the events for every subscription that asks for them.
    pub(crate) fn offer(&self, events: &[Arc<Event>], faults: &Faults) {
        faults.clone_into(&mut lock(&self.0.faults));
        let now = Instant::now();
        for subscription in self.all() {
            for event in events {
                if !subscription.wants(event) {
                    continue;
                }
                let wait = if event.consolidates() {
                    self.0.timing.consolidation
                } else {
                    Duration::ZERO
                };
                let due = now + wait + self.0.disorder(faults);
                subscription.enqueue(event, due, self.0.timing.pause_backlog);
            }
        }
    }

    /// Deliveries that wait, for a retry too, or are under way.
    pub(crate) fn pending(&self) -> usize {
        self.all()
            .iter()
            .map(|subscription| subscription.pending())
            .sum()
    }

    /// Waits until nothing is pending; whether that came true in time.
    pub(crate) async fn idle(&self, timeout: Duration) -> bool {
        let wait = async {
            while self.pending() > 0 {
                let step = Duration::from_millis(20);
                let _ = tokio::time::timeout(step, self.0.progress.notified()).await;
            }
        };
        tokio::time::timeout(timeout, wait).await.is_ok()
    }

    /// Signs a body with a subscription's key and posts it to its URL; the receiver's status,
    /// or why there is none.
    pub(crate) async fn post(
        &self,
        subscription: &Subscription,
        body: Vec<u8>,
    ) -> Result<u16, String> {
        let sent = self.0.send(subscription, body, sign::unix_now()).await;
        sent.map_err(|error| error.to_string())
    }

    /// The subscriptions with their keys, for the control endpoints.
    pub(crate) fn with_keys(&self) -> Vec<Value> {
        let shown = |subscription: &Arc<Subscription>| {
            let mut object = subscription.shown(true);
            if let Some(object) = object.as_object_mut() {
                object.insert("pending".into(), json!(subscription.pending()));
            }
            object
        };
        self.all().iter().map(shown).collect()
    }
}

impl Inner {
    fn hits(&self, probability: f64) -> bool {
        probability > 0.0 && lock(&self.fault_rng).random_bool(probability.min(1.0))
    }

    /// How much longer than its turn a delivery waits.
    fn disorder(&self, faults: &Faults) -> Duration {
        if !self.hits(faults.webhook_disorder) {
            return Duration::ZERO;
        }
        Duration::from_millis(lock(&self.fault_rng).random_range(0..=faults.webhook_disorder_ms))
    }
}
