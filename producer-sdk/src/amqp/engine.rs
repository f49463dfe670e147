//! The task that owns the confirm channel: takes messages, publishes them in order, and answers for each.
//!
//! | what happens | what becomes of the message |
//! |---|---|
//! | confirmed | done |
//! | returned, then confirmed | error `Returned` |
//! | refused by a full queue (nack) | sent again after a pause, with all others of its routing key held back |
//! | connection lost | sent again on the next one, all in their order |
//! | channel closed by the broker | one at a time from there on, until it is clear which message it dislikes |
//! | not confirmed in time | error `Unconfirmed`; forgotten |

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use lapin::ErrorKind;
use lapin::types::ShortString;
use tokio::select;
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, sleep, sleep_until};
use tracing::{debug, info, warn};

use super::connection::{Endpoint, close};
use super::outgoing::Outgoing;
use super::session::{Failure, Session, Wave};
use crate::backoff::Backoff;
use crate::error::{Cause, Error, Result};
use crate::window::Place;

const IDLE: Duration = Duration::from_hours(1);

/// What the publisher asks of its engine.
pub(super) enum Request {
    Publish(Publish),
    Close(oneshot::Sender<Result<()>>),
}

/// A message to publish, with its place in the window.
pub(super) struct Publish {
    pub(super) message: Arc<Outgoing>,
    pub(super) done: oneshot::Sender<Result<()>>,
    pub(super) place: Place,
    pub(super) deadline: Instant,
}

struct Entry {
    publish: Publish,
    returned: Option<String>,
}

type Route = (ShortString, ShortString);

/// A routing key whose queue is full.
struct Hold {
    until: Instant,
    backoff: Backoff,
}

enum Link {
    Up(Box<Session>),
    Opening(Pin<Box<dyn Future<Output = Result<Box<Session>, Cause>> + Send>>),
}

enum Event {
    Request(Option<Request>),
    Wave(Wave),
    Opened(Result<Box<Session>, Cause>),
    Time,
}

pub(super) struct Engine {
    endpoint: Endpoint,
    window: usize,
    confirm_timeout: Duration,
    link: Link,
    backoff: Backoff,
    /// Everything not answered for, by sequence number, which is the order of enqueuing and of deadlines.
    entries: BTreeMap<u64, Entry>,
    /// Those of them that are not on the channel.
    unsent: BTreeSet<u64>,
    holds: HashMap<Route, Hold>,
    next_sequence: u64,
    /// Messages below this number go one at a time: one of them made the broker close the channel.
    careful_below: u64,
    last_error: Option<String>,
    closers: Vec<oneshot::Sender<Result<()>>>,
    lost_since_close: usize,
}

impl Engine {
    pub(super) fn new(
        endpoint: Endpoint,
        session: Session,
        window: usize,
        confirm_timeout: Duration,
    ) -> Self {
        Self {
            endpoint,
            window,
            confirm_timeout,
            link: Link::Up(Box::new(session)),
            backoff: Backoff::new(Duration::from_millis(100), Duration::from_secs(2)),
            entries: BTreeMap::new(),
            unsent: BTreeSet::new(),
            holds: HashMap::new(),
            next_sequence: 0,
            careful_below: 0,
            last_error: None,
            closers: Vec::new(),
            lost_since_close: 0,
        }
    }

    /// Work until closed, or until every publisher is gone, and everything is answered for.
    pub(super) async fn run(mut self, mut requests: mpsc::UnboundedReceiver<Request>) {
        let mut open = true;
        while open || !self.entries.is_empty() {
            self.hand_over();
            let timer = self.next_timer();
            let event = select! {
                request = requests.recv(), if open => Event::Request(request),
                event = self.link.event() => event,
                () = sleep_until(timer) => Event::Time,
            };
            match event {
                Event::Request(request) => {
                    open = self.admit(request, &mut requests);
                    while let (true, Ok(request)) = (open, requests.try_recv()) {
                        open = self.admit(Some(request), &mut requests);
                    }
                }
                Event::Wave(wave) => self.settle(wave),
                Event::Opened(opened) => self.opened(opened),
                Event::Time => self.expire(),
            }
        }
        if let Link::Up(session) = self.link {
            close(&session.into_connection()).await;
        }
        for closer in self.closers {
            let lost = self.lost_since_close;
            let _ = closer.send(if lost == 0 { Ok(()) } else { Err(Error::Lost(lost)) });
        }
    }

    /// Take a request; `false` when there will be no more.
    fn admit(&mut self, request: Option<Request>, requests: &mut mpsc::UnboundedReceiver<Request>) -> bool {
        match request {
            Some(Request::Publish(publish)) => {
                self.unsent.insert(self.next_sequence);
                self.entries.insert(
                    self.next_sequence,
                    Entry {
                        publish,
                        returned: None,
                    },
                );
                self.next_sequence += 1;
                true
            }
            Some(Request::Close(closer)) => {
                self.closers.push(closer);
                requests.close();
                true
            }
            None => false,
        }
    }

    /// Publish whatever may be published now.
    fn hand_over(&mut self) {
        let Link::Up(session) = &mut self.link else { return };
        if self.unsent.is_empty() {
            return;
        }
        let careful = self
            .entries
            .first_key_value()
            .is_some_and(|(first, _)| *first < self.careful_below);
        let limit = if careful { 1 } else { self.window };
        let now = Instant::now();
        let mut sent = Vec::new();
        let mut refused = None;
        for sequence in &self.unsent {
            if session.outstanding() >= limit {
                break;
            }
            let Some(entry) = self.entries.get(sequence) else {
                continue;
            };
            let message = &entry.publish.message;
            if !self.holds.is_empty()
                && self
                    .holds
                    .get(&route(message))
                    .is_some_and(|hold| hold.until > now)
            {
                continue;
            }
            if let Err(error) = session.publish(*sequence, Arc::clone(message)) {
                refused = Some(error);
                break;
            }
            sent.push(*sequence);
        }
        // The channel is at its end. Why, the outstanding messages will say; without any there is nothing to learn.
        let ended = refused.filter(|_| session.outstanding() == 0);
        for sequence in sent {
            self.unsent.remove(&sequence);
        }
        if let Some(error) = ended {
            self.broken(&Failure { error, only: None });
        }
    }

    fn settle(&mut self, wave: Wave) {
        for returned in wave.returns {
            let text = format!("{} {}", returned.reply_code, returned.reply_text);
            let owner = self
                .entries
                .values_mut()
                .find(|entry| entry.returned.is_none() && entry.publish.message.matches(&returned));
            if let Some(entry) = owner {
                entry.returned = Some(text);
            } else {
                debug!("a message came back that nobody waits for any more");
            }
        }
        for (sequence, taken) in wave.confirms {
            self.confirm(sequence, taken);
        }
        if let Some(failure) = wave.failure {
            self.broken(&failure);
        }
    }

    fn confirm(&mut self, sequence: u64, taken: bool) {
        let Some(entry) = self.entries.get(&sequence) else {
            return;
        };
        let route = route(&entry.publish.message);
        if taken || entry.returned.is_some() {
            self.holds.remove(&route);
            self.finish(sequence, |entry| match &entry.returned {
                None => Ok(()),
                Some(text) => Err(Error::Returned {
                    exchange: entry.publish.message.exchange.to_string(),
                    routing_key: entry.publish.message.routing_key.to_string(),
                    text: text.clone(),
                }),
            });
            return;
        }
        self.last_error = Some("the queue does not take messages (it is full or unavailable)".to_owned());
        self.unsent.insert(sequence);
        let now = Instant::now();
        let hold = self.holds.entry(route).or_insert_with(|| Hold {
            until: now,
            backoff: Backoff::new(Duration::from_millis(50), Duration::from_secs(1)),
        });
        if hold.until <= now {
            hold.until = now + hold.backoff.next();
        }
    }

    fn opened(&mut self, opened: Result<Box<Session>, Cause>) {
        match opened {
            Ok(session) => {
                info!(unconfirmed = self.entries.len(), "publishing again");
                self.backoff.reset();
                self.link = Link::Up(session);
            }
            Err(error) => {
                debug!(error = %chain(error.as_ref()), "still no connection for publishing");
                self.last_error = Some(chain(error.as_ref()));
                self.reopen(false);
            }
        }
    }

    /// The session is at its end: everything that was on it goes back, in order, to be sent on the next one.
    fn broken(&mut self, failure: &Failure) {
        let closed_by_broker =
            matches!(failure.error.kind(), ErrorKind::ProtocolError(_)) && failure.error.is_amqp_soft_error();
        match failure.only {
            Some(sequence) if closed_by_broker => self.finish(sequence, |entry| {
                let exchange = entry.publish.message.exchange.to_string();
                Err(Error::Refused {
                    exchange,
                    cause: Box::new(failure.error.clone()),
                })
            }),
            _ if closed_by_broker => self.careful_below = self.next_sequence,
            _ => {}
        }
        self.unsent = self.entries.keys().copied().collect();
        for entry in self.entries.values_mut() {
            // What came back on this session may be taken on the next.
            entry.returned = None;
        }
        warn!(error = %failure.error, unconfirmed = self.entries.len(), "publishing interrupted");
        self.last_error = Some(failure.error.to_string());
        self.reopen(closed_by_broker);
    }

    /// Start opening the next session; on the same connection, where only the channel is gone.
    fn reopen(&mut self, keep_connection: bool) {
        let last = std::mem::replace(&mut self.link, Link::Opening(Box::pin(std::future::pending())));
        let (connection, pause) = match last {
            Link::Up(session) if keep_connection => (Some(session.into_connection()), Duration::ZERO),
            _ => (None, self.backoff.next()),
        };
        let endpoint = self.endpoint.clone();
        self.link = Link::Opening(Box::pin(async move {
            sleep(pause).await;
            Session::open(endpoint, connection).await.map(Box::new)
        }));
    }

    fn next_timer(&self) -> Instant {
        let now = Instant::now();
        let deadline = self
            .entries
            .first_key_value()
            .map(|(_, entry)| entry.publish.deadline);
        let holds = self
            .holds
            .values()
            .map(|hold| hold.until)
            .filter(|until| *until > now)
            .min();
        deadline.into_iter().chain(holds).min().unwrap_or(now + IDLE)
    }

    fn expire(&mut self) {
        let now = Instant::now();
        let mut stalled = false;
        while let Some(first) = self.entries.first_entry() {
            if first.get().publish.deadline > now {
                break;
            }
            let sequence = *first.key();
            if let (Link::Up(session), false) = (&self.link, self.unsent.contains(&sequence)) {
                stalled |= session.last_confirm + self.confirm_timeout <= now;
            }
            let (after, last) = (self.confirm_timeout, self.last_error.clone());
            self.finish(sequence, |_| {
                Err(Error::Unconfirmed {
                    after,
                    last: last.map(Into::into),
                })
            });
        }
        let routes: Vec<Route> = self
            .entries
            .values()
            .map(|entry| route(&entry.publish.message))
            .collect();
        self.holds.retain(|held, _| routes.contains(held));
        if stalled {
            let error = ErrorKind::MissingHeartbeatError.into();
            self.broken(&Failure { error, only: None });
        }
    }

    fn finish(&mut self, sequence: u64, result: impl FnOnce(&Entry) -> Result<()>) {
        self.unsent.remove(&sequence);
        if let Some(entry) = self.entries.remove(&sequence) {
            let result = result(&entry);
            self.lost_since_close += usize::from(!self.closers.is_empty() && result.is_err());
            drop(entry.publish.place);
            // Whoever enqueued it may have stopped caring.
            let _ = entry.publish.done.send(result);
        }
    }
}

impl Link {
    /// May be dropped and called again.
    async fn event(&mut self) -> Event {
        match self {
            Self::Up(session) => Event::Wave(session.wave().await),
            Self::Opening(opening) => Event::Opened(opening.as_mut().await),
        }
    }
}

fn route(message: &Outgoing) -> Route {
    (message.exchange.clone(), message.routing_key.clone())
}

/// An error with its causes, in one line.
fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}
