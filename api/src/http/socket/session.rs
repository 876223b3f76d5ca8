//! A socket from its opening to its end.

use super::message::{Closing, Incoming, Outgoing};
use crate::http::Api;
use crate::http::auth::{Denied, Identified};
use crate::http::guard::{Guard, Lapse};
use crate::http::operation::Operation;
use crate::http::parameters::Parameters;
use crate::http::request_id::RequestId;
use crate::http::respond::{May, admit, paced};
use crate::http::values;
use crate::live::{Failure, Told};
use axum::extract::ws::{CloseFrame, Message, WebSocket};
use axum::http::HeaderValue;
use serde_json::Value;
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::task::AbortHandle;
use tokio::time::{Instant, MissedTickBehavior, interval_at, sleep_until, timeout};

/// Until then the client must have said who it is.
const INIT: Duration = Duration::from_secs(10);
/// Between two signs of life that are asked for.
const PING: Duration = Duration::from_secs(25);
/// A client that was silent for so long has gone.
const SILENT: Duration = Duration::from_secs(60);
/// A message that is not taken within this time has nobody who takes it.
const SENDING: Duration = Duration::from_secs(30);
/// Messages that wait to be sent.
const WAITING: usize = 16;
/// Operations of one socket at once.
const OPERATIONS: usize = 100;

/// An operation's message, with the number of the operation.
type Sent = (u64, Outgoing);

/// A socket at work.
pub(super) struct Session {
    api: Api,
    id: RequestId,
    socket: WebSocket,
    guard: Option<Guard>,
    from: Option<IpAddr>,
    acknowledged: bool,
    sender: mpsc::Sender<Sent>,
    waiting: mpsc::Receiver<Sent>,
    running: HashMap<String, (u64, AbortHandle)>,
    names: HashMap<u64, String>,
    count: u64,
    heard: Instant,
}

impl Drop for Session {
    fn drop(&mut self) {
        self.running.values().for_each(|(_, task)| task.abort());
    }
}

impl Session {
    /// `guard` is there where the caller is known already; `from` is where the socket comes from.
    pub(super) fn new(
        api: Api,
        id: RequestId,
        socket: WebSocket,
        (guard, from): (Option<Guard>, Option<IpAddr>),
    ) -> Self {
        let (sender, waiting) = mpsc::channel(WAITING);
        Self {
            api,
            id,
            socket,
            guard,
            from,
            acknowledged: false,
            sender,
            waiting,
            running: HashMap::new(),
            names: HashMap::new(),
            count: 0,
            heard: Instant::now(),
        }
    }

    /// Serves the socket to its end.
    pub(super) async fn run(mut self) {
        let closing = match self.socket.protocol() {
            Some(_) => self.talk().await,
            None => Closing::NoProtocol,
        };
        if let Some((code, reason)) = closing.frame() {
            let reason = reason.into();
            let _ = self
                .send(Message::Close(Some(CloseFrame { code, reason })))
                .await;
        }
    }

    async fn talk(&mut self) -> Closing {
        let init_by = Instant::now() + INIT;
        let mut ping = interval_at(Instant::now() + PING, PING);
        ping.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let lapse = async {
                match &mut self.guard {
                    Some(guard) => guard.lapse().await,
                    None => std::future::pending().await,
                }
            };
            let done = tokio::select! {
                message = self.socket.recv() => match message {
                    Some(Ok(message)) => self.take(message).await,
                    Some(Err(_)) | None => Err(Closing::Gone),
                },
                Some((number, told)) = self.waiting.recv() => self.tell(number, &told).await,
                lapse = lapse => Err(match lapse {
                    Lapse::Denied => Closing::Forbidden,
                    Lapse::Changed => Closing::Changed,
                    Lapse::Stopping => Closing::Stopping,
                }),
                _ = ping.tick() => match self.heard.elapsed() > SILENT {
                    true => Err(Closing::Gone),
                    false => self.send(Message::Ping(axum::body::Bytes::new())).await,
                },
                () = sleep_until(init_by), if !self.acknowledged => Err(Closing::NoInit),
            };
            if let Err(closing) = done {
                return closing;
            }
        }
    }

    async fn send(&mut self, message: Message) -> Result<(), Closing> {
        match timeout(SENDING, self.socket.send(message)).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) | Err(_) => Err(Closing::Gone),
        }
    }

    async fn say(&mut self, text: String) -> Result<(), Closing> {
        self.send(Message::Text(text.into())).await
    }

    async fn take(&mut self, message: Message) -> Result<(), Closing> {
        self.heard = Instant::now();
        let text = match message {
            Message::Text(text) => text,
            Message::Ping(_) | Message::Pong(_) => return Ok(()),
            Message::Close(_) => return Err(Closing::Gone),
            Message::Binary(_) => return Err(Closing::BadMessage),
        };
        // Nobody has to be admitted for a first message: none is kept that is full of values.
        values::check_text(text.as_bytes(), &self.api.options.limits)
            .map_err(|_| Closing::TooLarge)?;
        let said = serde_json::from_str(&text).map_err(|_| Closing::BadMessage)?;
        match said {
            Incoming::ConnectionInit { payload } => self.init(payload).await,
            Incoming::Ping => self.say("{\"type\":\"pong\"}".to_owned()).await,
            Incoming::Pong => Ok(()),
            Incoming::Subscribe { id, payload } => self.subscribe(id, payload).await,
            Incoming::Complete { id } => {
                if let Some((number, task)) = self.running.remove(&id) {
                    self.names.remove(&number);
                    task.abort();
                }
                Ok(())
            }
        }
    }

    /// Who asks, unless the header or a cookie said so.
    async fn init(&mut self, payload: Option<Value>) -> Result<(), Closing> {
        if self.acknowledged {
            return Err(Closing::TooManyInits);
        }
        let given = payload.as_ref().and_then(authorization);
        let is_session = |guard: &Guard| guard.caller.session.is_some();
        match (self.guard.as_ref().map(is_session), given) {
            // The header wins over both, a token over the session of a cookie.
            (Some(false), _) | (Some(true), None) => {}
            (None, None) => return Err(Closing::Forbidden),
            (_, Some(given)) => self.guard = Some(admitted(&self.api, &given, self.from).await?),
        }
        self.acknowledged = true;
        self.say("{\"type\":\"connection_ack\"}".to_owned()).await
    }

    async fn subscribe(&mut self, id: String, payload: Value) -> Result<(), Closing> {
        let caller = match &self.guard {
            Some(guard) if self.acknowledged => guard.caller.clone(),
            _ => return Err(Closing::Unauthorized),
        };
        if self.running.contains_key(&id) {
            return Err(Closing::Twice);
        }
        if self.running.len() >= OPERATIONS {
            let message = format!("a socket has at most {OPERATIONS} operations at once");
            let failed = Failure::told(&message, "SUBSCRIPTION_LIMIT", None);
            return self.say(Outgoing::Failed(failed.errors).text(&id)).await;
        }
        let operation = match self.read(payload, &caller)? {
            Ok(operation) => operation,
            Err(errors) => return self.say(Outgoing::Failed(errors).text(&id)).await,
        };
        self.count += 1;
        let number = self.count;
        let (api, request) = (self.api.clone(), self.id.clone());
        let sender = self.sender.clone();
        let task = tokio::spawn(async move {
            operate(&api, caller, &request, operation, number, &sender).await;
        });
        self.names.insert(number, id.clone());
        self.running.insert(id, (number, task.abort_handle()));
        Ok(())
    }

    /// The operation of a payload, or the errors for which it may not run.
    fn read(
        &self,
        payload: Value,
        caller: &Identified,
    ) -> Result<Result<Operation, Arc<str>>, Closing> {
        let parameters: Parameters =
            serde_json::from_value(payload).map_err(|_| Closing::BadMessage)?;
        let admitted = parameters
            .checked()
            .and_then(|parameters| paced(&self.api, caller).map(|()| parameters))
            .and_then(|parameters| admit(&self.api, caller, parameters, May::Change));
        Ok(match admitted {
            Ok(Ok(operation)) => Ok(operation),
            Ok(Err(error)) => {
                Err(Failure::of(vec![error], "GRAPHQL_PARSE_FAILED", &self.id).errors)
            }
            Err(refusal) => Err(refusal.errors(&self.id).to_string().into()),
        })
    }

    /// Sends what an operation tells, unless the client has ended it.
    async fn tell(&mut self, number: u64, told: &Outgoing) -> Result<(), Closing> {
        let Some(id) = self.names.get(&number).cloned() else {
            return Ok(());
        };
        if !matches!(told, Outgoing::Next(_)) {
            self.names.remove(&number);
            self.running.remove(&id);
        }
        self.say(told.text(&id)).await
    }
}

/// Whom a value of `authorization` names.
async fn admitted(api: &Api, given: &HeaderValue, from: Option<IpAddr>) -> Result<Guard, Closing> {
    let admitted = Guard::admit(api, given, from).await;
    admitted.map_err(|denied| match denied {
        Denied::Token(_) | Denied::Failures(_) | Denied::Foreign => Closing::Forbidden,
        Denied::Database(error) => {
            tracing::error!(%error, "a token can't be checked");
            Closing::Busy
        }
    })
}

/// Runs an operation; the session may be gone before its end.
async fn operate(
    api: &Api,
    caller: Identified,
    request: &RequestId,
    operation: Operation,
    number: u64,
    sender: &mpsc::Sender<Sent>,
) {
    let mut running = match operation.run(api, caller, request).await {
        Ok(running) => running,
        Err(errors) => {
            let _ = sender.send((number, Outgoing::Failed(errors))).await;
            return;
        }
    };
    while let Some(told) = running.next().await {
        let (told, is_last) = match told {
            Told::Next(payload) => (Outgoing::Next(payload), false),
            Told::Failed(errors) => (Outgoing::Failed(errors), true),
        };
        if sender.send((number, told)).await.is_err() || is_last {
            return;
        }
    }
    let _ = sender.send((number, Outgoing::Complete)).await;
}

/// `{"authorization": "Bearer cg_…"}` or `{"token": "cg_…"}`.
fn authorization(payload: &Value) -> Option<HeaderValue> {
    let text = |key: &str| payload.get(key).and_then(Value::as_str);
    let given = text("authorization").or_else(|| text("Authorization"));
    let bearer = || text("token").map(|token| format!("Bearer {token}"));
    let given = given.map(str::to_owned).or_else(bearer)?;
    HeaderValue::from_str(&given).ok()
}
