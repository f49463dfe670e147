//! Publishes dead letters and delayed messages, over its own connection.
//!
//! These messages must not be lost. One task publishes them as `mandatory` over a channel with
//! publisher confirms, and publishes them again until the broker confirms. The lane waits
//! meanwhile. Replies may be lost and use another connection ([`super::replies`]).

use std::{future::pending, pin::pin, sync::Arc, time::Duration};

use lapin::Connection;
use producer_sdk::{
    amqp::{ConfirmChannel, Outgoing, PublishResult},
    contract::Topology,
};
use tokio::{
    sync::{mpsc, oneshot},
    task::JoinHandle,
    time::{Instant, sleep, timeout},
};
use tracing::{error, warn};

use super::{
    connection,
    connection_state::{ConnectionStates, SharedState},
    error::AmqpError,
    ledger_id,
    options::InboundOptions,
    rejections::Rejections,
    replies::ReplySender,
    request,
    topology::{self, Difference},
};
use crate::pipeline::{self, Backoff, chain};

/// Largest number of requests, each of one lane, that wait to be published.
const REQUESTS: usize = 16;
const CONFIRM_WITHIN: Duration = Duration::from_secs(30);
/// Longest pause before the next connection.
const MAX_RECONNECT_WAIT: Duration = Duration::from_secs(2);
/// Longest pause after the broker did not accept a message.
const MAX_WAIT: Duration = Duration::from_secs(10);

/// The publisher has ended because the worker stops.
#[derive(Debug, thiserror::Error)]
#[error("the publisher has stopped")]
pub struct Stopped;

/// A handle to the task that publishes dead letters and delayed messages, and to the task that
/// sends replies. Each task ends when its last handle is dropped and everything is sent.
#[derive(Clone, Debug)]
pub struct Publisher {
    connection_state: Arc<ConnectionStates>,
    requests: mpsc::Sender<PublishRequest>,
    replies: ReplySender,
}

/// Messages of one lane, and the lane that waits for them.
#[derive(Debug)]
struct PublishRequest {
    messages: Vec<Arc<Outgoing>>,
    confirmed: oneshot::Sender<()>,
}

impl Publisher {
    /// Starts the task that publishes dead letters and delayed messages.
    pub fn start(
        options: &InboundOptions,
        connection_state: Arc<ConnectionStates>,
        replies: ReplySender,
    ) -> (Self, JoinHandle<()>) {
        let (requests, inbox) = mpsc::channel(REQUESTS);
        let task = Task {
            options: options.clone(),
            connection_state: connection_state.clone(),
            inbox,
            current: None,
        };
        let publisher = Self {
            connection_state,
            requests,
            replies,
        };
        (publisher, tokio::spawn(task.run()))
    }

    /// Publishes messages that must not be lost. Returns when the broker has confirmed all of them.
    pub async fn publish(&self, messages: Vec<Outgoing>) -> Result<(), Stopped> {
        let messages = messages.into_iter().map(Arc::new).collect();
        let (confirmed, confirmation) = oneshot::channel();
        self.requests
            .send(PublishRequest {
                messages,
                confirmed,
            })
            .await
            .map_err(|_| Stopped)?;
        confirmation.await.map_err(|_| Stopped)
    }

    /// Decides which rejected messages are kept.
    pub fn rejections(&self) -> &Rejections {
        &self.connection_state.rejections
    }

    /// Sends a reply, or drops it if too many are waiting.
    pub fn reply(&self, reply: pipeline::Reply) {
        self.replies.send(reply);
    }

    /// The sender of replies.
    pub const fn replies(&self) -> &ReplySender {
        &self.replies
    }
}

struct Task {
    options: InboundOptions,
    connection_state: Arc<ConnectionStates>,
    inbox: mpsc::Receiver<PublishRequest>,
    /// Stored until its messages are confirmed, so that the next connection publishes them again.
    current: Option<PublishRequest>,
}

impl Task {
    async fn run(mut self) {
        let mut reconnects = Backoff::new(MAX_RECONNECT_WAIT);
        let mut refusals = Backoff::new(MAX_WAIT);
        while !self.is_done() {
            let started = Instant::now();
            let mut backoff = &mut reconnects;
            match self.session().await {
                Ok(()) => {
                    self.connection_state.publishing.down();
                    return;
                }
                Err(error) => {
                    if matches!(error, AmqpError::NotAccepted { .. }) {
                        backoff = &mut refusals;
                    }
                    let error = chain(&error);
                    if let Some(suppressed) = self.connection_state.other_failures.note(&error) {
                        warn!(error, suppressed, "publishing interrupted, reconnecting");
                    }
                    self.connection_state.publishing.lost(error);
                }
            }
            if started.elapsed() > MAX_WAIT * 3 {
                backoff.reset();
            }
            sleep(backoff.wait()).await;
        }
    }

    async fn session(&mut self) -> Result<(), AmqpError> {
        let name = format!("scrip {} publishing", self.options.worker);
        let connection = connection::open(&self.options.url, name).await?;
        // Compared after each reconnect: this broker may be another one.
        if let Some(id) = self.options.ledger_id {
            ledger_id::compare(&connection, &self.options.topology, id).await?;
        }
        let (topology, connection_state) =
            (self.options.topology.clone(), self.connection_state.clone());
        let state = &connection_state.publishing;
        let is_complete = declare(&connection, &topology, state).await?;
        connection_state.other_failures.clear();
        let again = declare_again(&connection, &topology, state);
        tokio::select! {
            sent = self.serve(&connection) => sent?,
            () = state.watch(&connection) => return Err(AmqpError::Ended),
            failed = again, if !is_complete => return Err(failed),
        }
        connection::close(&connection).await;
        Ok(())
    }

    fn is_done(&self) -> bool {
        self.current.is_none() && self.inbox.is_closed() && self.inbox.is_empty()
    }

    async fn serve(&mut self, connection: &Connection) -> Result<(), AmqpError> {
        let opening = ConfirmChannel::open(connection, true);
        let mut channel = request::answered("opening a channel", opening).await?;
        loop {
            let current = match self.current.take() {
                Some(current) => current,
                None => match self.inbox.recv().await {
                    Some(current) => current,
                    None => {
                        return request::answered("closing a channel", channel.close()).await;
                    }
                },
            };
            let current = self.current.insert(current);
            publish_confirmed(connection, &mut channel, &current.messages).await?;
            if let Some(current) = self.current.take() {
                // The lane may have ended meanwhile; the messages are published nevertheless.
                let _ = current.confirmed.send(());
            }
        }
    }
}

/// Declares the queues that the task publishes to. Returns whether all of them are available.
async fn declare(
    connection: &Connection,
    topology: &Topology,
    state: &SharedState,
) -> Result<bool, AmqpError> {
    let queues = [topology.dead(), topology.delay()];
    let differences = topology::declare_some(connection, topology, &queues).await?;
    state.up();
    let unavailable = differences.iter().find(|difference| !difference.is_usable);
    if let Some(Difference { what, why, .. }) = unavailable {
        state.limited_by(format!("`{what}` is unavailable: {why}"));
    }
    Ok(unavailable.is_none())
}

/// Declares the queues again until all of them are available, then does nothing. Returns the error
/// of the connection.
async fn declare_again(
    connection: &Connection,
    topology: &Topology,
    state: &SharedState,
) -> AmqpError {
    loop {
        sleep(MAX_WAIT).await;
        match declare(connection, topology, state).await {
            Ok(false) => {}
            Ok(true) => return pending().await,
            Err(error) => return error,
        }
    }
}

/// Publishes messages and waits until the broker has taken all of them.
async fn publish_confirmed(
    connection: &Connection,
    channel: &mut ConfirmChannel,
    messages: &[Arc<Outgoing>],
) -> Result<(), AmqpError> {
    let mut publishing = pin!(channel.publish_all(messages.iter().cloned()));
    let results = loop {
        match timeout(CONFIRM_WITHIN, &mut publishing).await {
            Ok(results) => break results.map_err(AmqpError::doing("publishing"))?,
            // A broker that is short of memory or disk makes publishers wait; reconnecting does not
            // help.
            Err(_) if connection.status().blocked() => {
                warn!("broker blocks publishers, waiting");
            }
            Err(_) => return Err(AmqpError::Timeout(CONFIRM_WITHIN)),
        }
    };
    for (result, message) in results.into_iter().zip(messages) {
        let why = match result {
            PublishResult::Confirmed => continue,
            PublishResult::Returned(reason) => reason,
            PublishResult::Refused => "the broker refused it".to_owned(),
        };
        let exchange = message.exchange.to_string();
        error!(
            exchange,
            why,
            alarm = true,
            "broker did not accept a message, retrying"
        );
        return Err(AmqpError::NotAccepted { exchange, why });
    }
    Ok(())
}
