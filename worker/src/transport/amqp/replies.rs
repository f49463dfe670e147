//! Sends replies to commands and queries, over its own connection.
//!
//! Replies may be lost. They wait in a buffer that is limited in number and bytes, and are
//! published without confirms. They are dropped if the buffer is full or the broker blocks
//! publishers, so that they never delay a commit or an acknowledgement. The sender of a request
//! chooses the address of the reply, so an error of the broker about one reply ends this connection
//! and nothing else.

use std::{mem, sync::Arc, time::Duration};

use futures_util::future::try_join_all;
use lapin::{BasicProperties, Channel, ChannelState, Connection, ErrorKind};
use producer_sdk::contract::{DirectReplyTo, Topology};
use tokio::{
    sync::mpsc,
    task::JoinHandle,
    time::{Instant, interval, sleep},
};
use tracing::warn;

use super::{
    byte_budget::{ByteBudget, Waiting},
    connection,
    connection_state::ConnectionStates,
    error::AmqpError,
    lost_replies::{LostReplies, LostReply},
    options::InboundOptions,
    outgoing, request,
    unproven::{ProvenNodes, Unproven},
};
use crate::pipeline::{Backoff, Reply, chain};

/// Largest number of replies that are written to the socket together.
const AT_ONCE: usize = 256;
/// Longest pause before the next connection.
const MAX_WAIT: Duration = Duration::from_secs(2);
/// The backoff is reset after a connection that lasted this long.
const STABLE_AFTER: Duration = Duration::from_secs(30);
/// Largest number of waiting direct replies to nodes that have not received one yet, and their
/// bytes. They have a separate budget so that they do not use up that of the other replies.
const UNPROVEN: usize = 64;
const UNPROVEN_BYTES: u32 = 2 << 20;
/// Pause after the broker has refused replies, and time after which sent replies count as accepted.
const PAUSE: Duration = Duration::from_secs(1);
/// How often the channel is checked: the broker refuses a reply by closing it, and then no further
/// reply may be waiting.
const CHECK_EVERY: Duration = Duration::from_millis(100);

/// A handle to the task that sends replies. The task ends when the last handle is dropped and
/// everything is sent.
#[derive(Clone, Debug)]
pub struct ReplySender {
    inbox: mpsc::Sender<Waiting>,
    budget: ByteBudget,
    lost: LostReplies,
}

impl ReplySender {
    /// Starts the task.
    pub fn start(
        options: &InboundOptions,
        connection_state: Arc<ConnectionStates>,
    ) -> (Self, JoinHandle<()>) {
        let (sender, inbox) = mpsc::channel(options.reply_buffer.max(1));
        let (lost, proven) = (LostReplies::default(), ProvenNodes::default());
        let (unproven, unproven_inbox) = mpsc::channel(UNPROVEN);
        let unproven_task = Unproven {
            url: options.url.clone(),
            name: format!("scrip {} direct replies", options.worker),
            inbox: unproven_inbox,
            proven: proven.clone(),
            lost: lost.clone(),
        };
        let task = Task {
            url: options.url.clone(),
            name: format!("scrip {} replies", options.worker),
            connection_state,
            inbox,
            buffer: Vec::new(),
            is_refused: false,
            unproven,
            unproven_budget: ByteBudget::new(UNPROVEN_BYTES),
            proven,
            lost: lost.clone(),
        };
        let sender = Self {
            inbox: sender,
            budget: ByteBudget::new(options.reply_bytes),
            lost,
        };
        let both = async move {
            tokio::join!(task.run(), unproven_task.run());
        };
        (sender, tokio::spawn(both))
    }

    /// Sends a reply, or drops it if too many are waiting.
    pub fn send(&self, reply: Reply) {
        let waiting = outgoing::reply(reply).and_then(|reply| self.budget.take(reply));
        let sent = waiting.is_some_and(|waiting| self.inbox.try_send(waiting).is_ok());
        if !sent {
            self.lost.add(LostReply::BufferFull, 1);
        }
    }

    /// Counts a message whose `reply_to` cannot be used, and logs its sender once.
    pub fn check_reply_to(
        &self,
        topology: &Topology,
        properties: &BasicProperties,
        sender: Option<&str>,
    ) {
        self.lost.check_reply_to(topology, properties, sender);
    }

    /// Replies that were not sent.
    pub const fn lost(&self) -> &LostReplies {
        &self.lost
    }
}

struct Task {
    url: String,
    name: String,
    connection_state: Arc<ConnectionStates>,
    inbox: mpsc::Receiver<Waiting>,
    buffer: Vec<Waiting>,
    /// Whether the broker has refused replies and accepted none since.
    is_refused: bool,
    /// Sends direct replies to nodes that have not received one yet.
    unproven: mpsc::Sender<(DirectReplyTo, Waiting)>,
    unproven_budget: ByteBudget,
    proven: ProvenNodes,
    lost: LostReplies,
}

impl Task {
    async fn run(mut self) {
        let mut backoff = Backoff::new(MAX_WAIT);
        while !self.is_done() {
            let started = Instant::now();
            match self.session().await {
                Ok(()) => {
                    self.connection_state.replies.down();
                    return;
                }
                Err(error) => {
                    let error = chain(&error);
                    if let Some(suppressed) = self.connection_state.other_failures.note(&error) {
                        warn!(
                            error,
                            suppressed, "sending replies interrupted, reconnecting"
                        );
                    }
                    self.connection_state.replies.lost(error);
                }
            }
            self.proven.clear();
            if started.elapsed() > STABLE_AFTER {
                backoff.reset();
            }
            sleep(backoff.wait()).await;
        }
    }

    fn is_done(&self) -> bool {
        self.buffer.is_empty() && self.inbox.is_closed() && self.inbox.is_empty()
    }

    async fn session(&mut self) -> Result<(), AmqpError> {
        let connection = connection::open(&self.url, self.name.clone()).await?;
        self.connection_state.replies.up();
        self.connection_state.other_failures.clear();
        let connection_state = self.connection_state.clone();
        tokio::select! {
            sent = self.serve(&connection) => sent?,
            () = connection_state.replies.watch(&connection) => return Err(AmqpError::Ended),
        }
        connection::close(&connection).await;
        Ok(())
    }

    /// Serves over one channel at a time: the broker closes a channel on which it refuses a reply.
    async fn serve(&mut self, connection: &Connection) -> Result<(), AmqpError> {
        loop {
            let channel = connection::channel(connection).await?;
            let served = tokio::select! {
                served = self.serve_channel(connection, &channel) => served,
                error = closed(&channel) => Err(error),
            };
            match served {
                Ok(()) => {
                    request::close_channel(&channel).await;
                    return Ok(());
                }
                Err(error) if connection.status().connected() => {
                    warn!(error = chain(&error), "broker refused replies");
                    // The reply that was refused is written already.
                    self.lost.add(LostReply::BrokerRefused, 1);
                    self.drop_buffer(LostReply::BrokerRefused);
                    self.is_refused = true;
                    let state = &self.connection_state.replies;
                    state.limited_by("the broker refuses replies".to_owned());
                    sleep(PAUSE).await;
                }
                Err(error) => return Err(error),
            }
        }
    }

    async fn serve_channel(
        &mut self,
        connection: &Connection,
        channel: &Channel,
    ) -> Result<(), AmqpError> {
        loop {
            if self.buffer.is_empty() && self.inbox.recv_many(&mut self.buffer, AT_ONCE).await == 0
            {
                return Ok(());
            }
            if connection.status().blocked() {
                self.drop_buffer(LostReply::BrokerBlocked);
                continue;
            }
            self.hand_over_unproven();
            let sends = self
                .buffer
                .iter()
                .map(|waiting| waiting.reply.publish(channel, false));
            try_join_all(sends)
                .await
                .map_err(AmqpError::doing("publishing"))?;
            self.buffer.clear();
            if self.is_refused {
                sleep(PAUSE).await;
                if channel.status().connected() {
                    self.is_refused = false;
                    self.connection_state.replies.up();
                }
            }
        }
    }

    /// Hands over direct replies to unproven nodes, and leaves the others in the buffer.
    fn hand_over_unproven(&mut self) {
        for waiting in mem::take(&mut self.buffer) {
            match DirectReplyTo::parse(waiting.reply.routing_key.as_str()) {
                Some(to) if !self.proven.contains(to) => {
                    let waiting = self.unproven_budget.take(waiting.reply);
                    if waiting.is_none_or(|waiting| self.unproven.try_send((to, waiting)).is_err())
                    {
                        self.lost.add(LostReply::NodeUnknown, 1);
                    }
                }
                _ => self.buffer.push(waiting),
            }
        }
    }

    fn drop_buffer(&mut self, reason: LostReply) {
        self.lost.add(reason, self.buffer.len());
        self.buffer.clear();
    }
}

/// Waits until the channel is closed.
async fn closed(channel: &Channel) -> AmqpError {
    let mut check = interval(CHECK_EVERY);
    while channel.status().connected() {
        check.tick().await;
    }
    // If the connection is lost, its state changes a moment later.
    sleep(CHECK_EVERY).await;
    let error = ErrorKind::InvalidChannelState(ChannelState::Error, "basic.publish");
    AmqpError::doing("sending replies")(error.into())
}
