//! A topic: one evaluation for all who ask the same.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use tokio::sync::{Notify, broadcast};
use tokio::task::AbortHandle;
use uuid::Uuid;

use super::feed::{self, Entry};
use super::position::Position;
use super::question::{Answer, Failure, Question};
use crate::query::sessions::Sessions;

/// Batches that a subscriber may be behind.
const BEHIND: usize = 64;
/// Entries that a topic may be behind before it reads for itself.
const WAITING: usize = 5_000;
/// How often a failed evaluation is tried again, and the first pause.
const TRIES: (u32, Duration) = (4, Duration::from_millis(250));

/// What subscribers get: answers in their order, or the errors that end the topic.
pub(super) type Batch = Result<Arc<[Answer]>, Arc<str>>;

/// One question, asked by at least one subscriber.
#[derive(Debug)]
pub(super) struct Topic {
    pub(super) question: Question,
    connections: HashSet<Uuid>,
    pending: Mutex<Pending>,
    ready: Arc<Notify>,
    told: Mutex<Told>,
    task: Mutex<Option<AbortHandle>>,
}

/// Entries that were delivered and not yet answered.
#[derive(Debug, Default)]
struct Pending {
    entries: Vec<Entry>,
    /// Up to here the topic reads for itself, before `entries`, which follow.
    missed: Option<Position>,
}

#[derive(Debug)]
struct Told {
    position: Position,
    /// Gone once the topic has failed.
    sender: Option<broadcast::Sender<Batch>>,
}

impl Drop for Topic {
    fn drop(&mut self) {
        let task = self.task.get_mut().unwrap_or_else(PoisonError::into_inner);
        if let Some(task) = task {
            task.abort();
        }
    }
}

impl Topic {
    /// A topic that is told of all that follows the position.
    pub(super) fn start(sessions: Sessions, question: Question, position: Position) -> Arc<Self> {
        let topic = Arc::new(Self {
            connections: question.connections().into_iter().collect(),
            question,
            pending: Mutex::default(),
            ready: Arc::default(),
            told: Mutex::new(Told {
                position,
                sender: Some(broadcast::Sender::new(BEHIND)),
            }),
            task: Mutex::default(),
        });
        let ready = topic.ready.clone();
        let task = tokio::spawn(run(sessions, ready, Arc::downgrade(&topic))).abort_handle();
        *topic.task.lock().unwrap_or_else(PoisonError::into_inner) = Some(task);
        topic
    }

    /// Takes what of a page is of the question's connections.
    pub(super) fn deliver(&self, page: &[Entry]) {
        let mine = page
            .iter()
            .filter(|entry| self.connections.contains(&entry.connection));
        let mut pending = self.pending.lock().unwrap_or_else(PoisonError::into_inner);
        if pending.entries.len() + page.len() > WAITING {
            pending.entries = Vec::new();
            pending.missed = page.last().map(|entry| entry.position);
        } else {
            pending.entries.extend(mine.cloned());
        }
        if pending.missed.is_some() || !pending.entries.is_empty() {
            self.ready.notify_one();
        }
    }

    /// All that is told from here on, and where here is; `None` once the topic has failed.
    pub(super) fn subscribe(&self) -> Option<(broadcast::Receiver<Batch>, Position)> {
        let told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        Some((told.sender.as_ref()?.subscribe(), told.position))
    }

    /// Whether it tells nothing any more.
    pub(super) fn is_over(&self) -> bool {
        let told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        told.sender.is_none()
    }

    /// Ends it: its subscribers come back with their cursors.
    fn fail(&self, errors: Arc<str>) {
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(sender) = told.sender.take() {
            let _ = sender.send(Err(errors));
        }
    }

    fn tell(&self, batch: Batch, position: Position) {
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        told.position = position;
        if let Some(sender) = &told.sender {
            // Nobody may be there to hear it.
            let _ = sender.send(batch);
        }
    }

    fn told(&self) -> Position {
        self.told
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .position
    }

    /// Answers what waits.
    async fn work(&self, sessions: &Sessions) -> Result<(), Failure> {
        let pending = {
            let mut pending = self.pending.lock().unwrap_or_else(PoisonError::into_inner);
            std::mem::take(&mut *pending)
        };
        while let Some(upto) = pending.missed.filter(|upto| self.told() < *upto) {
            let read = feed::read_scope(
                self.question.reader(sessions),
                self.question.connections(),
                self.told(),
                upto,
            )
            .await;
            let entries = read.map_err(|error| Failure::reading(&error))?;
            let is_last = i64::try_from(entries.len()).unwrap_or(i64::MAX) < feed::PAGE;
            self.answer(entries).await?;
            if is_last {
                self.tell(Ok(Arc::default()), upto);
            }
        }
        let page = usize::try_from(feed::PAGE).unwrap_or(usize::MAX);
        for entries in pending.entries.chunks(page) {
            self.answer(entries.to_vec()).await?;
        }
        Ok(())
    }

    async fn answer(&self, entries: Vec<Entry>) -> Result<(), Failure> {
        let Some(last) = entries.last().map(|entry| entry.position) else {
            return Ok(());
        };
        let (mut tries, mut pause) = TRIES;
        let answers = loop {
            match self.question.answer(entries.clone()).await {
                Ok(answers) => break answers,
                Err(failure) if failure.passes && tries > 0 => {
                    tokio::time::sleep(pause).await;
                    (tries, pause) = (tries - 1, pause * 2);
                }
                Err(failure) => return Err(failure),
            }
        };
        self.tell(Ok(answers.into()), last);
        Ok(())
    }
}

/// Answers while somebody subscribes.
async fn run(sessions: Sessions, ready: Arc<Notify>, topic: Weak<Topic>) {
    loop {
        ready.notified().await;
        let Some(topic) = topic.upgrade() else { return };
        if let Err(failure) = topic.work(&sessions).await {
            topic.fail(failure.errors);
            return;
        }
    }
}
