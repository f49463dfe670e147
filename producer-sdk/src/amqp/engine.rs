//! The task that owns the confirm channel. It publishes messages in order and reports the result of
//! each.
//!
//! | Event | Effect on the message |
//! |---|---|
//! | confirmed | success |
//! | returned, then confirmed | error `Returned` |
//! | refused by a full queue (nack) | sent again after a pause; others with its routing key wait |
//! | no answer of the broker for 5 s | all are sent again on another channel, in order |
//! | connection lost | sent again on the next connection, in order |
//! | channel closed by the broker | sent one at a time until the refused message is known |
//! | not confirmed in time | error `Unconfirmed` |

use std::collections::{BTreeMap, BTreeSet};
use std::future::{Future, pending};
use std::mem;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use lapin::ErrorKind;
use tokio::select;
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, sleep, sleep_until};
use tracing::{debug, info, warn};

use super::confirm_channel::{Failure, PublishResult, Wave};
use super::connection::{Endpoint, close};
use super::holds::Holds;
use super::outgoing::Outgoing;
use super::renewals::Renewals;
use super::session::Session;
use crate::backoff::Backoff;
use crate::error::{Cause, Error, Result, chain};
use crate::window::Permit;

const IDLE: Duration = Duration::from_hours(1);

/// A request of the publisher to its engine.
pub(super) enum Request {
    Publish(Publish),
    Close(oneshot::Sender<Result<()>>),
}

/// A message to publish, with its permit of the window.
pub(super) struct Publish {
    pub(super) message: Arc<Outgoing>,
    pub(super) done: oneshot::Sender<Result<()>>,
    pub(super) permit: Permit,
    pub(super) deadline: Instant,
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
    /// All messages without a result, by sequence number. This is the order of enqueuing and of
    /// deadlines.
    entries: BTreeMap<u64, Publish>,
    /// The sequence numbers of those messages that are not on the channel.
    unsent: BTreeSet<u64>,
    holds: Holds,
    renewals: Renewals,
    next_sequence: u64,
    /// Messages below this sequence number are sent one at a time, because one of them made the
    /// broker close the channel.
    one_at_a_time_below: u64,
    last_error: Option<String>,
    closers: Vec<oneshot::Sender<Result<()>>>,
    lost_since_close: usize,
}

impl Engine {
    pub(super) fn new(
        endpoint: Endpoint,
        session: Box<Session>,
        window: usize,
        confirm_timeout: Duration,
    ) -> Self {
        Self {
            endpoint,
            window,
            confirm_timeout,
            link: Link::Up(session),
            backoff: Backoff::new(Duration::from_secs(2)),
            entries: BTreeMap::new(),
            unsent: BTreeSet::new(),
            holds: Holds::default(),
            renewals: Renewals::new(),
            next_sequence: 0,
            one_at_a_time_below: 0,
            last_error: None,
            closers: Vec::new(),
            lost_since_close: 0,
        }
    }

    /// Runs until it is closed, or until every publisher is dropped, and every message has a
    /// result.
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
            close(&session.connection).await;
        }
        for closer in self.closers {
            let lost = self.lost_since_close;
            let _ = closer.send(if lost == 0 {
                Ok(())
            } else {
                Err(Error::Lost(lost))
            });
        }
    }

    /// Accepts a request. Returns `false` if no more requests follow.
    fn admit(
        &mut self,
        request: Option<Request>,
        requests: &mut mpsc::UnboundedReceiver<Request>,
    ) -> bool {
        match request {
            Some(Request::Publish(publish)) => {
                self.unsent.insert(self.next_sequence);
                self.entries.insert(self.next_sequence, publish);
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

    /// Publishes all messages that may be published now.
    fn hand_over(&mut self) {
        let Link::Up(session) = &mut self.link else {
            return;
        };
        let channel = &mut session.channel;
        if self.unsent.is_empty() {
            return;
        }
        let is_one_at_a_time = self
            .entries
            .first_key_value()
            .is_some_and(|(first, _)| *first < self.one_at_a_time_below);
        let limit = if is_one_at_a_time { 1 } else { self.window };
        let now = Instant::now();
        let mut sent = Vec::new();
        let mut refused = None;
        for sequence in &self.unsent {
            if channel.outstanding() >= limit {
                break;
            }
            let Some(entry) = self.entries.get(sequence) else {
                continue;
            };
            let message = &entry.message;
            if self.holds.is_held(message, now) {
                continue;
            }
            if let Err(error) = channel.publish(*sequence, Arc::clone(message)) {
                refused = Some(error);
                break;
            }
            sent.push(*sequence);
        }
        // The channel has ended. The outstanding messages show the reason. Without any, only this
        // error is known.
        let ended = refused.filter(|_| channel.outstanding() == 0);
        for sequence in sent {
            self.unsent.remove(&sequence);
        }
        if let Some(error) = ended {
            self.broken(&Failure { error, only: None });
        }
    }

    fn settle(&mut self, wave: Wave) {
        for (sequence, result) in wave.results {
            self.confirm(sequence, result);
        }
        let now = Instant::now();
        if self.holds.is_empty() {
            self.renewals.reset();
        }
        let is_due = self.renewals.is_due(now);
        if let Some(failure) = wave.failure {
            self.broken(&failure);
        } else if is_due {
            info!("messages are refused again and again, opening another channel");
            self.renew(now);
        }
    }

    /// Sends all messages again on another channel.
    fn renew(&mut self, now: Instant) {
        self.renewals.begin(now);
        self.holds.restart();
        self.unsent = self.entries.keys().copied().collect();
        self.reopen(true);
    }

    /// When the channel counts as stalled, unless the first message on it is confirmed before.
    fn stalls_at(&self) -> Option<Instant> {
        let Link::Up(session) = &self.link else {
            return None;
        };
        let waiting_since = session.channel.waiting_since()?;
        Some(self.renewals.stalls_at(waiting_since))
    }

    /// Opens another channel instead of one that stalled, unless the broker reads from none.
    fn renew_stalled(&mut self, now: Instant) {
        // Without memory or disk the broker reads from no channel.
        if matches!(&self.link, Link::Up(session) if session.connection.status().blocked()) {
            self.renewals.postpone(now);
        } else {
            info!("messages are not confirmed, opening another channel");
            self.renew(now);
        }
    }

    fn confirm(&mut self, sequence: u64, result: PublishResult) {
        let Some(Publish { message, .. }) = self.entries.get(&sequence) else {
            return;
        };
        let result = match result {
            PublishResult::Confirmed => Ok(()),
            PublishResult::Returned(text) => Err(Error::Returned {
                exchange: message.exchange.to_string(),
                routing_key: message.routing_key.to_string(),
                text,
            }),
            // The queue is full or has no leader, so the message is sent again after a pause.
            PublishResult::Refused => {
                self.last_error =
                    Some("the queue does not take messages (it is full or unavailable)".to_owned());
                self.unsent.insert(sequence);
                if self.holds.start(message, Instant::now()) {
                    self.renewals.suspect();
                }
                return;
            }
        };
        self.holds.end(message);
        self.finish(sequence, result);
    }

    fn opened(&mut self, opened: Result<Box<Session>, Cause>) {
        match opened {
            Ok(session) => {
                info!(unconfirmed = self.entries.len(), "publishing resumed");
                self.backoff.reset();
                self.link = Link::Up(session);
            }
            Err(error) => {
                debug!(error = %chain(error.as_ref()), "publish connection failed, retrying");
                self.last_error = Some(chain(error.as_ref()));
                self.reopen(false);
            }
        }
    }

    /// Handles the end of the session. All its messages are sent again, in order, on the next
    /// session.
    fn broken(&mut self, failure: &Failure) {
        let closed_by_broker = matches!(failure.error.kind(), ErrorKind::ProtocolError(_))
            && failure.error.is_amqp_soft_error();
        match failure.only {
            Some(sequence) if closed_by_broker => {
                if let Some(Publish { message, .. }) = self.entries.get(&sequence) {
                    let refused = Error::Refused {
                        exchange: message.exchange.to_string(),
                        cause: Box::new(failure.error.clone()),
                    };
                    self.finish(sequence, Err(refused));
                }
            }
            _ if closed_by_broker => self.one_at_a_time_below = self.next_sequence,
            _ => {}
        }
        self.unsent = self.entries.keys().copied().collect();
        warn!(error = %failure.error, unconfirmed = self.entries.len(), "publishing interrupted");
        self.last_error = Some(failure.error.to_string());
        self.reopen(closed_by_broker);
    }

    /// Starts to open the next session. It reuses the connection if only the channel has ended.
    fn reopen(&mut self, keep_connection: bool) {
        let last = mem::replace(&mut self.link, Link::Opening(Box::pin(pending())));
        let (connection, pause) = match last {
            Link::Up(session) if keep_connection => (Some(session.connection), Duration::ZERO),
            _ => (None, self.backoff.wait()),
        };
        let endpoint = self.endpoint.clone();
        self.link = Link::Opening(Box::pin(async move {
            sleep(pause).await;
            Session::open(endpoint, connection).await
        }));
    }

    fn next_timer(&self) -> Instant {
        let now = Instant::now();
        let deadline = self
            .entries
            .first_key_value()
            .map(|(_, entry)| entry.deadline);
        deadline
            .into_iter()
            .chain(self.holds.next_end(now))
            .chain(self.stalls_at())
            .min()
            .unwrap_or(now + IDLE)
    }

    fn expire(&mut self) {
        let now = Instant::now();
        let mut stalled = false;
        while let Some(first) = self.entries.first_entry() {
            if first.get().deadline > now {
                break;
            }
            let sequence = *first.key();
            if let (Link::Up(session), false) = (&self.link, self.unsent.contains(&sequence)) {
                stalled |= session.channel.last_confirm + self.confirm_timeout <= now;
            }
            let unconfirmed = Error::Unconfirmed {
                after: self.confirm_timeout,
                last: self.last_error.clone().map(Into::into),
            };
            self.finish(sequence, Err(unconfirmed));
        }
        let messages = self.entries.values().map(|entry| &*entry.message);
        self.holds.retain_for(messages);
        if stalled {
            let error = ErrorKind::MissingHeartbeatError.into();
            self.broken(&Failure { error, only: None });
        } else if self.stalls_at().is_some_and(|at| at <= now) {
            self.renew_stalled(now);
        }
    }

    fn finish(&mut self, sequence: u64, result: Result<()>) {
        self.unsent.remove(&sequence);
        if let Some(Publish { permit, done, .. }) = self.entries.remove(&sequence) {
            self.lost_since_close += usize::from(!self.closers.is_empty() && result.is_err());
            drop(permit);
            // The caller may have dropped the handle.
            let _ = done.send(result);
        }
    }
}

impl Link {
    /// Waits for the next event. Cancellation-safe.
    async fn event(&mut self) -> Event {
        match self {
            Self::Up(session) => Event::Wave(session.channel.wave().await),
            Self::Opening(opening) => Event::Opened(opening.as_mut().await),
        }
    }
}
