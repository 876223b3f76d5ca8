//! A subscriber: it reads on from its own place until it has caught up with its topic, then hears what the topic tells.

use std::collections::VecDeque;
use std::sync::Arc;

use tokio::sync::broadcast::{self, error::RecvError};

use super::feed;
use super::position::Position;
use super::question::{Answer, Failure};
use super::topic::{Batch, Topic};
use crate::error::Result;
use crate::query::sessions::Sessions;

/// What a subscriber is told.
#[derive(Debug)]
pub(crate) enum Told {
    /// The JSON of a GraphQL response.
    Next(Arc<str>),
    /// The JSON of a list of GraphQL errors; nothing follows.
    Failed(Arc<str>),
}

/// One subscription of one client.
#[derive(Debug)]
pub(crate) struct Subscriber {
    sessions: Sessions,
    topic: Arc<Topic>,
    /// Where it stands: all up to it was told.
    seen: Position,
    /// Read, and not yet told.
    ready: VecDeque<Answer>,
    hears: Hears,
    _counted: Counted,
}

#[derive(Debug)]
enum Hears {
    /// It reads on by itself, up to the place from which on the topic is heard.
    Reading {
        from: Position,
        upto: Position,
        live: broadcast::Receiver<Batch>,
    },
    Topic {
        live: broadcast::Receiver<Batch>,
        /// Whether anything was heard since it caught up.
        any: bool,
    },
    Nothing,
}

/// One of the subscriptions that run.
#[derive(Debug)]
struct Counted;

impl Counted {
    fn new() -> Self {
        metrics::gauge!(super::SUBSCRIPTIONS).increment(1.0);
        Self
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        metrics::gauge!(super::SUBSCRIPTIONS).decrement(1.0);
    }
}

impl Subscriber {
    pub(super) fn new(sessions: Sessions, topic: Arc<Topic>, after: Option<Position>) -> Self {
        let (seen, hears) = match (topic.subscribe(), after) {
            (None, _) => (Position::default(), Hears::Nothing),
            (Some((live, upto)), Some(from)) if from < upto => {
                (from, Hears::Reading { from, upto, live })
            }
            (Some((live, upto)), from) => (from.unwrap_or(upto), Hears::Topic { live, any: false }),
        };
        Self {
            sessions,
            topic,
            seen,
            ready: VecDeque::new(),
            hears,
            _counted: Counted::new(),
        }
    }

    /// What is told next; `None` after the end.
    pub(crate) async fn next(&mut self) -> Option<Told> {
        loop {
            while let Some(answer) = self.ready.pop_front() {
                if answer.position > self.seen {
                    self.seen = answer.position;
                    return Some(Told::Next(answer.payload));
                }
            }
            if let Err(failure) = self.step().await? {
                self.hears = Hears::Nothing;
                return Some(Told::Failed(failure.errors));
            }
        }
    }

    /// Reads on, or waits for what the topic tells; `None` where nothing is to be heard.
    async fn step(&mut self) -> Option<Result<(), Failure>> {
        match &mut self.hears {
            Hears::Nothing => None,
            Hears::Reading { from, upto, .. } => {
                let (from, upto) = (*from, *upto);
                Some(self.read(from, upto).await)
            }
            Hears::Topic { live, any } => match live.recv().await {
                Ok(Ok(answers)) => {
                    *any = true;
                    self.ready.extend(answers.iter().cloned());
                    Some(Ok(()))
                }
                Ok(Err(errors)) => Some(Err(Failure::ended(errors))),
                Err(RecvError::Lagged(_)) if *any => Some(Err(self.slow())),
                Err(RecvError::Lagged(_)) => self.catch_up(),
                Err(RecvError::Closed) => None,
            },
        }
    }

    /// A page of what the topic told before.
    async fn read(&mut self, from: Position, upto: Position) -> Result<(), Failure> {
        let question = &self.topic.question;
        let entries = feed::read_scope(
            question.reader(&self.sessions),
            question.connections(),
            from,
            upto,
        )
        .await
        .map_err(|error| Failure::reading(&error))?;
        let is_last = i64::try_from(entries.len()).unwrap_or(i64::MAX) < feed::PAGE;
        let last = entries.last().map(|entry| entry.position);
        self.ready.extend(question.answer(entries).await?);
        self.hears = match std::mem::replace(&mut self.hears, Hears::Nothing) {
            Hears::Reading { live, .. } if is_last => Hears::Topic { live, any: false },
            Hears::Reading { live, .. } => Hears::Reading {
                from: last.unwrap_or(from),
                upto,
                live,
            },
            other => other,
        };
        Ok(())
    }

    /// So much was told while it read on that some of it was missed: it reads that, too.
    fn catch_up(&mut self) -> Option<Result<(), Failure>> {
        let (live, upto) = self.topic.subscribe()?;
        self.hears = Hears::Reading {
            from: self.seen,
            upto,
            live,
        };
        Some(Ok(()))
    }

    fn slow(&self) -> Failure {
        let message =
            "this subscriber is too slow for what changes: subscribe again with the cursor";
        Failure::told(message, "SLOW_CONSUMER", Some(&self.seen.cursor()))
    }
}
