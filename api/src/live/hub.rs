//! The one reader of the feed in a process, and whom it reads for.

use std::collections::HashMap;
use std::sync::{Arc, Weak};
use std::time::Duration;

use sqlx::PgPool;
use tokio::sync::{Mutex, Notify, OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::AbortHandle;
use uuid::Uuid;

use super::feed;
use super::listener::listen;
use super::position::Position;
use super::question::{Key, Question};
use super::stamps::Stamps;
use super::subscriber::Subscriber;
use super::topic::Topic;
use crate::error::Result;
use crate::query::sessions::Sessions;

/// How often the feed is read while nobody hears of commits, and somebody follows.
const POLL: Duration = Duration::from_secs(5);
/// How often it is read while entries wait for an older transaction: the first and the longest pause.
const HELD: (Duration, Duration) = (Duration::from_millis(20), Duration::from_secs(1));
/// What is told when a session of a browser ends.
const SESSION: &str = "session";
/// After a reading that failed.
const FAILED: Duration = Duration::from_secs(1);

/// What the tasks of a process share.
#[derive(Debug)]
pub(crate) struct Shared {
    /// For what is read of all connections at once.
    pub(super) pool: PgPool,
    sessions: Sessions,
    pub(crate) stamps: Stamps,
    following: Mutex<Following>,
    woken: Notify,
    access: watch::Sender<u64>,
    ended: watch::Sender<bool>,
    streams: Arc<Semaphore>,
}

/// Who follows, and how far the feed was read for them.
#[derive(Debug, Default)]
struct Following {
    /// `None` while nobody follows: nothing is read then.
    position: Option<Position>,
    topics: HashMap<Key, Weak<Topic>>,
    /// Readings in a row that found entries waiting.
    held: u32,
}

/// The feed of a process, followed while this lives.
#[derive(Debug)]
pub(crate) struct Hub {
    shared: Arc<Shared>,
    tasks: [AbortHandle; 2],
}

impl Drop for Hub {
    fn drop(&mut self) {
        self.tasks.iter().for_each(AbortHandle::abort);
    }
}

impl Hub {
    /// Begins to listen; `streams` sockets and streams at once at most.
    pub(crate) fn start(pool: PgPool, sessions: Sessions, streams: usize) -> Self {
        let shared = Arc::new(Shared {
            pool,
            sessions,
            stamps: Stamps::default(),
            following: Mutex::default(),
            woken: Notify::new(),
            access: watch::Sender::new(0),
            ended: watch::Sender::new(false),
            streams: Arc::new(Semaphore::new(streams)),
        });
        let (hears, reads) = (shared.clone(), shared.clone());
        let tasks = [
            tokio::spawn(async move { listen(&hears).await }).abort_handle(),
            tokio::spawn(async move { read(&reads).await }).abort_handle(),
        ];
        Self { shared, tasks }
    }

    /// What was told of commits.
    pub(crate) fn stamps(&self) -> &Stamps {
        &self.shared.stamps
    }

    /// Something of these connections was changed by this process: what it answers next must know, whatever is heard when.
    pub(crate) fn touch(&self, connections: Vec<Uuid>) {
        connections
            .into_iter()
            .for_each(|id| self.shared.stamps.touch(id));
    }

    /// Changes whenever tokens may see something else than before.
    pub(crate) fn access(&self) -> watch::Receiver<u64> {
        self.shared.access.subscribe()
    }

    /// Renews the gauges, which `/metrics` shows as long as they are renewed.
    pub(crate) fn publish(&self) {
        let listening = if self.is_listening() { 1.0 } else { 0.0 };
        metrics::gauge!(super::LISTENING).set(listening);
        metrics::gauge!(super::SUBSCRIPTIONS).increment(0.0);
    }

    /// Whether commits are heard of.
    pub(crate) fn is_listening(&self) -> bool {
        self.shared.stamps.is_listening()
    }

    /// True once streams are to end.
    pub(crate) fn ended(&self) -> watch::Receiver<bool> {
        self.shared.ended.subscribe()
    }

    /// Ends all streams, as the process does before it stops.
    pub(crate) fn end_streams(&self) {
        self.shared.ended.send_replace(true);
    }

    /// Room for one more socket or stream, if there is any.
    pub(crate) fn room(&self) -> Option<OwnedSemaphorePermit> {
        self.shared.streams.clone().try_acquire_owned().ok()
    }

    /// Follows the feed for a question, from behind a cursor or from now on.
    pub(crate) async fn subscribe(
        &self,
        question: Question,
        after: Option<Position>,
    ) -> Result<Subscriber> {
        let sessions = self.shared.sessions.clone();
        if let Some(after) = after {
            feed::check_kept(question.reader(&sessions), question.connections(), after).await?;
        }
        let topic = self.shared.topic(question).await?;
        Ok(Subscriber::new(sessions, topic, after))
    }
}

impl Shared {
    /// The topic of a question, which all who ask it share.
    async fn topic(&self, question: Question) -> Result<Arc<Topic>> {
        let mut following = self.following.lock().await;
        let key = question.key;
        let known = following.topics.get(&key).and_then(Weak::upgrade);
        if let Some(topic) = known.filter(|topic| !topic.is_over()) {
            return Ok(topic);
        }
        following.topics.retain(|_, topic| topic.strong_count() > 0);
        let position = match following.position {
            Some(position) if !following.topics.is_empty() => position,
            _ => feed::edge(&self.pool).await?.0,
        };
        following.position = Some(position);
        let topic = Topic::start(self.sessions.clone(), question, position);
        following.topics.insert(key, Arc::downgrade(&topic));
        drop(following);
        self.woken.notify_one();
        Ok(topic)
    }

    /// What Postgres told.
    pub(super) fn heard(&self, told: &str) {
        match told.split_once(' ') {
            Some((kind, connection)) => {
                match connection.parse() {
                    Ok(connection) => self.stamps.touch(connection),
                    Err(_) => self.stamps.touch_all(),
                }
                if kind == "feed" {
                    self.woken.notify_one();
                }
            }
            // A session ended: nobody else sees something else than before.
            None if told == SESSION => self.access.send_modify(|count| *count += 1),
            None => {
                self.stamps.touch_all();
                self.access.send_modify(|count| *count += 1);
            }
        }
    }

    /// From now on all commits are heard of; what happened before may have been missed.
    pub(super) fn hears(&self) {
        self.stamps.set_listening(true);
        self.access.send_modify(|count| *count += 1);
        self.woken.notify_one();
    }

    /// Nothing is heard any more.
    pub(super) fn deaf(&self) {
        self.stamps.set_listening(false);
        self.woken.notify_one();
    }

    /// Reads what is new for all who follow; when to look again without being woken.
    async fn read_on(&self) -> Option<Duration> {
        let mut following = self.following.lock().await;
        following.topics.retain(|_, topic| topic.strong_count() > 0);
        let position = match following.position {
            Some(position) if !following.topics.is_empty() => position,
            _ => {
                following.position = None;
                return None;
            }
        };
        let page = match feed::read(&self.pool, position).await {
            Ok(page) => page,
            Err(error) => {
                tracing::warn!(error = error.logged(), "the feed can't be read");
                return Some(FAILED);
            }
        };
        let is_full = i64::try_from(page.entries.len()).unwrap_or(i64::MAX) >= feed::PAGE;
        following.held = if page.held { following.held + 1 } else { 0 };
        if let Some(last) = page.entries.last() {
            following.position = Some(last.position);
            for topic in following.topics.values().filter_map(Weak::upgrade) {
                topic.deliver(&page.entries);
            }
        }
        match following.held {
            _ if is_full => Some(Duration::ZERO),
            0 if self.stamps.is_listening() => None,
            0 => Some(POLL),
            times => Some((HELD.0 * 2_u32.saturating_pow(times.min(10))).min(HELD.1)),
        }
    }
}

async fn read(shared: &Shared) {
    loop {
        let woken = shared.woken.notified();
        match shared.read_on().await {
            None => woken.await,
            Some(pause) => {
                tokio::select! {
                    () = woken => {}
                    () = tokio::time::sleep(pause) => {}
                }
            }
        }
    }
}
