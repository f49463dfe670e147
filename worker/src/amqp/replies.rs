//! Sends replies and answers, over a connection of its own.
//!
//! Replies may be lost: they wait in a buffer that is bounded in number and bytes, go out without confirms, and are
//! dropped when the buffer is full or the broker blocks publishers, rather than ever delaying a commit or an
//! acknowledgement. Where they go is the asker's choice, so what the broker holds against one of them ends this
//! connection and nothing else.

use std::{mem, sync::Arc, time::Duration};

use futures_util::future::try_join_all;
use lapin::{BasicProperties, Channel, Connection, options::BasicPublishOptions};
use producer_sdk::contract::{DirectReplyTo, Topology};
use tokio::{
    sync::mpsc,
    task::JoinHandle,
    time::{Instant, sleep},
};
use tracing::warn;

use super::{
    AmqpError, InboundOptions, connection,
    links::Links,
    lost_replies::{LostReplies, LostReply},
    outgoing,
    publisher::{leave, lost, publish},
    room::{Room, Waiting},
    unproven::{ProvenNodes, Unproven},
};
use crate::lane::{Backoff, Reply, chain};

/// Replies written to the socket together.
const AT_ONCE: usize = 256;
const LONGEST_WAIT: Duration = Duration::from_secs(10);
/// Direct replies to nodes that none has gone to yet that may wait, and their bytes: apart from the others, which they
/// must not take the room of.
const UNPROVEN: usize = 64;
const UNPROVEN_BYTES: u32 = 2 << 20;
/// The pause after the broker has refused replies.
const PAUSE: Duration = Duration::from_secs(1);

/// The way to the task that sends replies. The task ends when the last sender is gone and all is sent.
#[derive(Clone, Debug)]
pub struct ReplySender {
    inbox: mpsc::Sender<Waiting>,
    room: Room,
    lost: LostReplies,
}

impl ReplySender {
    /// Starts the task.
    pub fn start(options: &InboundOptions, links: Arc<Links>) -> (Self, JoinHandle<()>) {
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
            links,
            inbox,
            buffer: Vec::new(),
            unproven,
            unproven_room: Room::of(UNPROVEN_BYTES),
            proven,
            lost: lost.clone(),
        };
        let sender = Self {
            inbox: sender,
            room: Room::of(options.reply_bytes),
            lost,
        };
        let both = async move {
            tokio::join!(task.run(), unproven_task.run());
        };
        (sender, tokio::spawn(both))
    }

    /// Sends a reply, or drops it when too many are waiting.
    pub fn send(&self, reply: Reply) {
        let waiting = outgoing::reply(reply).and_then(|reply| self.room.take(reply));
        let sent = waiting.is_some_and(|waiting| self.inbox.try_send(waiting).is_ok());
        if !sent {
            self.lost.add(LostReply::BufferFull, 1);
        }
    }

    /// Counts a message whose `reply_to` cannot be used, and reports its sender once.
    pub fn look_at(&self, topology: &Topology, properties: &BasicProperties, sender: Option<&str>) {
        self.lost.look_at(topology, properties, sender);
    }

    /// Replies that were not sent.
    pub const fn lost(&self) -> &LostReplies {
        &self.lost
    }
}

struct Task {
    url: String,
    name: String,
    links: Arc<Links>,
    inbox: mpsc::Receiver<Waiting>,
    buffer: Vec<Waiting>,
    /// The way of direct replies to nodes that none has gone to yet.
    unproven: mpsc::Sender<(DirectReplyTo, Waiting)>,
    unproven_room: Room,
    proven: ProvenNodes,
    lost: LostReplies,
}

impl Task {
    async fn run(mut self) {
        let mut backoff = Backoff::new(LONGEST_WAIT);
        while !self.is_done() {
            let started = Instant::now();
            match self.session().await {
                Ok(()) => {
                    self.links.replies.down();
                    return;
                }
                Err(error) => warn!(
                    error = chain(&error),
                    "replies were interrupted, connecting again"
                ),
            }
            self.links.replies.lost();
            self.proven.clear();
            if started.elapsed() > LONGEST_WAIT * 3 {
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
        self.links.replies.up();
        let links = self.links.clone();
        tokio::select! {
            sent = self.serve(&connection) => sent?,
            () = lost(&connection, &links.replies) => return Err(AmqpError::Ended),
        }
        connection::close(&connection).await;
        Ok(())
    }

    /// Serves over one channel after the other: the broker closes a channel on which it refuses a reply.
    async fn serve(&mut self, connection: &Connection) -> Result<(), AmqpError> {
        loop {
            let channel = connection::channel(connection).await?;
            match self.serve_channel(connection, &channel).await {
                Ok(()) => return leave(&channel).await,
                Err(error) if connection.status().connected() => {
                    warn!(error = chain(&error), "replies were refused");
                    self.drop_buffer(LostReply::BrokerRefused);
                    sleep(PAUSE).await;
                }
                Err(error) => return Err(error),
            }
        }
    }

    async fn serve_channel(&mut self, connection: &Connection, channel: &Channel) -> Result<(), AmqpError> {
        loop {
            if self.buffer.is_empty() && self.inbox.recv_many(&mut self.buffer, AT_ONCE).await == 0 {
                return Ok(());
            }
            if connection.status().blocked() {
                self.drop_buffer(LostReply::BrokerBlocked);
                continue;
            }
            self.hand_over_unproven();
            let options = BasicPublishOptions::default();
            let sends = self
                .buffer
                .iter()
                .map(|waiting| publish(channel, &waiting.reply, options));
            try_join_all(sends).await?;
            self.buffer.clear();
        }
    }

    /// Leaves in the buffer what may go over this connection.
    fn hand_over_unproven(&mut self) {
        for waiting in mem::take(&mut self.buffer) {
            match DirectReplyTo::parse(waiting.reply.routing_key.as_str()) {
                Some(to) if !self.proven.contains(to) => {
                    let waiting = self.unproven_room.take(waiting.reply);
                    if waiting.is_none_or(|waiting| self.unproven.try_send((to, waiting)).is_err()) {
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
