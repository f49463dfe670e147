//! Publishes what the lanes have to say, over its own connection.
//!
//! Dead letters and delayed messages must not be lost: they go out over a channel with publisher confirms that
//! one task owns, `mandatory`, and are published again until the broker confirms; whoever asked waits. Replies
//! may be lost: they go over a channel of their own from a buffer that is bounded in number and bytes and are dropped
//! when the buffer is full or the broker blocks publishers, rather than ever delaying a commit or an acknowledgement.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use futures_util::future::{join_all, try_join_all};
use lapin::{
    Channel, Confirmation, Connection,
    options::{BasicPublishOptions, ConfirmSelectOptions},
};
use tokio::{
    sync::{mpsc, oneshot},
    task::JoinHandle,
    time::{Instant, interval, sleep, timeout},
};
use tracing::{error, warn};

use super::{
    AmqpError, InboundOptions, connection,
    links::Links,
    outgoing::Outgoing,
    room::{Room, Waiting},
    topology,
};
use crate::lane::{self, Backoff, chain};

/// Batches of different lanes that may wait to be published.
const BATCHES: usize = 16;
/// Replies written to the socket together.
const REPLIES_AT_ONCE: usize = 256;
const CONFIRM_WITHIN: Duration = Duration::from_secs(30);
const LONGEST_WAIT: Duration = Duration::from_secs(10);
const LOOK_AFTER: Duration = Duration::from_secs(1);

/// The publisher is gone: the worker is stopping.
#[derive(Debug, thiserror::Error)]
#[error("the publisher has stopped")]
pub struct Stopped;

/// A handle to the publishing task. The task ends when the last handle is gone and all is sent.
#[derive(Clone, Debug)]
pub struct Publisher {
    letters: mpsc::Sender<Letters>,
    replies: mpsc::Sender<Waiting>,
    room: Room,
    dropped: Arc<AtomicU64>,
}

#[derive(Debug)]
struct Letters {
    messages: Vec<Outgoing>,
    confirmed: oneshot::Sender<()>,
}

impl Publisher {
    /// Starts the task.
    pub fn start(options: &InboundOptions, links: Arc<Links>) -> (Self, JoinHandle<()>) {
        let (letters, letters_inbox) = mpsc::channel(BATCHES);
        let (replies, replies_inbox) = mpsc::channel(options.reply_buffer.max(1));
        let dropped = Arc::new(AtomicU64::new(0));
        let task = Task {
            options: options.clone(),
            links,
            letters: Outbox {
                inbox: letters_inbox,
                current: None,
            },
            replies: Replies {
                inbox: replies_inbox,
                buffer: Vec::new(),
                dropped: dropped.clone(),
            },
        };
        (
            Self {
                letters,
                replies,
                room: Room::of(options.reply_bytes),
                dropped,
            },
            tokio::spawn(task.run()),
        )
    }

    /// Publishes messages that must not be lost; returns when the broker has confirmed them all.
    pub async fn publish(&self, messages: Vec<Outgoing>) -> Result<(), Stopped> {
        let (confirmed, confirmation) = oneshot::channel();
        self.letters
            .send(Letters { messages, confirmed })
            .await
            .map_err(|_| Stopped)?;
        confirmation.await.map_err(|_| Stopped)
    }

    /// Sends a reply, or drops it when too many are waiting.
    pub fn reply(&self, reply: lane::Reply) {
        let waiting = super::outgoing::reply(reply).and_then(|reply| self.room.take(reply));
        let sent = waiting.is_some_and(|waiting| self.replies.try_send(waiting).is_ok());
        if !sent {
            self.dropped.fetch_add(1, Relaxed);
        }
    }

    /// Counts the replies that were dropped.
    pub fn dropped_counter(&self) -> Arc<AtomicU64> {
        self.dropped.clone()
    }

    /// Replies that were dropped.
    pub fn dropped(&self) -> u64 {
        self.dropped.load(Relaxed)
    }
}

struct Task {
    options: InboundOptions,
    links: Arc<Links>,
    letters: Outbox,
    replies: Replies,
}

impl Task {
    async fn run(mut self) {
        let mut backoff = Backoff::new(LONGEST_WAIT);
        loop {
            if self.letters.is_done() && self.replies.is_done() {
                return;
            }
            let started = Instant::now();
            match self.session().await {
                Ok(()) => {
                    self.links.publishing.down();
                    return;
                }
                Err(error) => warn!(
                    error = chain(&error),
                    "publishing was interrupted; connecting again"
                ),
            }
            self.links.publishing.lost();
            if started.elapsed() > LONGEST_WAIT * 3 {
                backoff.reset();
            }
            sleep(backoff.wait()).await;
        }
    }

    async fn session(&mut self) -> Result<(), AmqpError> {
        let name = format!("scrip {} publishing", self.options.worker);
        let connection = connection::open(&self.options.url, name).await?;
        topology::declare(&connection, &self.options.topology).await?;
        self.links.publishing.up();
        let all_sent = async {
            tokio::try_join!(self.letters.serve(&connection), self.replies.serve(&connection)).map(drop)
        };
        tokio::select! {
            sent = all_sent => sent?,
            () = lost(&connection, &self.links) => return Err(AmqpError::Ended),
        }
        connection::close(&connection).await;
        Ok(())
    }
}

/// Returns when the connection is no more; while nothing is published nothing else would tell.
async fn lost(connection: &Connection, links: &Links) {
    let mut look = interval(LOOK_AFTER);
    while connection.status().connected() {
        links.publishing.set_blocked(connection.status().blocked());
        look.tick().await;
    }
}

struct Outbox {
    inbox: mpsc::Receiver<Letters>,
    current: Option<Letters>,
}

impl Outbox {
    fn is_done(&self) -> bool {
        self.current.is_none() && self.inbox.is_closed() && self.inbox.is_empty()
    }

    async fn serve(&mut self, connection: &Connection) -> Result<(), AmqpError> {
        let channel = connection::channel(connection).await?;
        channel
            .confirm_select(ConfirmSelectOptions::default())
            .await
            .map_err(AmqpError::doing("asking for confirms"))?;
        loop {
            let letters = match self.current.take() {
                Some(letters) => letters,
                None => match self.inbox.recv().await {
                    Some(letters) => letters,
                    None => return leave(&channel).await,
                },
            };
            // Kept until it is confirmed, so that the next connection publishes it again.
            let letters = self.current.insert(letters);
            publish_confirmed(connection, &channel, &letters.messages).await?;
            if let Some(letters) = self.current.take() {
                // The lane may have been torn down meanwhile; the message is where it belongs.
                let _ = letters.confirmed.send(());
            }
        }
    }
}

async fn publish_confirmed(
    connection: &Connection,
    channel: &Channel,
    messages: &[Outgoing],
) -> Result<(), AmqpError> {
    let options = BasicPublishOptions {
        mandatory: true,
        immediate: false,
    };
    let sent = async {
        let confirms =
            try_join_all(messages.iter().map(|message| publish(channel, message, options))).await?;
        for (confirmed, message) in join_all(confirms).await.into_iter().zip(messages) {
            let why = match confirmed.map_err(AmqpError::doing("waiting for a confirm"))? {
                Confirmation::Ack(None) => continue,
                Confirmation::Ack(Some(returned)) => returned.reply_text.to_string(),
                Confirmation::Nack(_) => "it was refused".to_owned(),
                Confirmation::NotRequested => "no confirm was asked for".to_owned(),
            };
            let exchange = message.exchange.to_string();
            error!(
                exchange,
                why,
                alarm = true,
                "a message that must be kept was not taken; trying again"
            );
            return Err(AmqpError::NotTaken { exchange, why });
        }
        Ok(())
    };
    tokio::pin!(sent);
    loop {
        match timeout(CONFIRM_WITHIN, &mut sent).await {
            Ok(done) => return done,
            // A broker short of memory or disk lets publishers wait; connecting again would not help.
            Err(_) if connection.status().blocked() => warn!("the broker blocks publishers; waiting"),
            Err(_) => return Err(AmqpError::Timeout(CONFIRM_WITHIN)),
        }
    }
}

async fn publish(
    channel: &Channel,
    message: &Outgoing,
    options: BasicPublishOptions,
) -> Result<lapin::PublisherConfirm, AmqpError> {
    channel
        .basic_publish(
            message.exchange.clone(),
            message.routing_key.clone(),
            options,
            &message.body,
            message.properties.clone(),
        )
        .await
        .map_err(AmqpError::doing("publishing"))
}

/// Closes a channel before its connection is closed: dropped, it would be closed at the same time.
async fn leave(channel: &Channel) -> Result<(), AmqpError> {
    channel
        .close(200, "bye".into())
        .await
        .map_err(AmqpError::doing("closing a channel"))
}

struct Replies {
    inbox: mpsc::Receiver<Waiting>,
    buffer: Vec<Waiting>,
    dropped: Arc<AtomicU64>,
}

impl Replies {
    fn is_done(&self) -> bool {
        self.buffer.is_empty() && self.inbox.is_closed() && self.inbox.is_empty()
    }

    /// Serves over one channel after the other: what the broker holds against a reply (no right to write to
    /// the default exchange, say) must not touch the dead letters.
    async fn serve(&mut self, connection: &Connection) -> Result<(), AmqpError> {
        loop {
            let channel = connection::channel(connection).await?;
            match self.serve_channel(connection, &channel).await {
                Ok(()) => return leave(&channel).await,
                Err(error) if connection.status().connected() => {
                    warn!(error = chain(&error), "replies were refused");
                    self.drop_buffer();
                    sleep(LOOK_AFTER).await;
                }
                Err(error) => return Err(error),
            }
        }
    }

    async fn serve_channel(&mut self, connection: &Connection, channel: &Channel) -> Result<(), AmqpError> {
        loop {
            if self.buffer.is_empty() && self.inbox.recv_many(&mut self.buffer, REPLIES_AT_ONCE).await == 0 {
                return Ok(());
            }
            if connection.status().blocked() {
                self.drop_buffer();
                continue;
            }
            let options = BasicPublishOptions::default();
            let sends = self
                .buffer
                .iter()
                .map(|waiting| publish(channel, &waiting.reply, options));
            try_join_all(sends).await?;
            self.buffer.clear();
        }
    }

    fn drop_buffer(&mut self) {
        self.dropped.fetch_add(self.buffer.len() as u64, Relaxed);
        self.buffer.clear();
    }
}
