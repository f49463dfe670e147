//! Publishes dead letters and delayed messages, over a connection of its own.
//!
//! They must not be lost: they go out over a channel with publisher confirms that one task owns, `mandatory`, and are
//! published again until the broker confirms; the lane waits meanwhile. Replies may be lost and go by another
//! connection ([`super::replies`]).

use std::{sync::Arc, time::Duration};

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
    links::{Links, Shared},
    outgoing::Outgoing,
    rejections::Rejections,
    replies::ReplySender,
    request, topology,
};
use crate::lane::{self, Backoff, chain};

/// Batches of different lanes that may wait to be published.
const BATCHES: usize = 16;
const CONFIRM_WITHIN: Duration = Duration::from_secs(30);
const LONGEST_WAIT: Duration = Duration::from_secs(10);
const LOOK_AFTER: Duration = Duration::from_secs(1);

/// The publisher is gone: the worker is stopping.
#[derive(Debug, thiserror::Error)]
#[error("the publisher has stopped")]
pub struct Stopped;

/// A handle to the task that publishes dead letters and delayed messages, and to the one that sends replies. Each ends
/// when the last handle is gone and all is sent.
#[derive(Clone, Debug)]
pub struct Publisher {
    links: Arc<Links>,
    letters: mpsc::Sender<Letters>,
    replies: ReplySender,
}

#[derive(Debug)]
struct Letters {
    messages: Vec<Outgoing>,
    confirmed: oneshot::Sender<()>,
}

impl Publisher {
    /// Starts the task that publishes dead letters and delayed messages.
    pub fn start(
        options: &InboundOptions,
        links: Arc<Links>,
        replies: ReplySender,
    ) -> (Self, JoinHandle<()>) {
        let (letters, inbox) = mpsc::channel(BATCHES);
        let task = Task {
            options: options.clone(),
            links: links.clone(),
            letters: Outbox { inbox, current: None },
        };
        let publisher = Self {
            links,
            letters,
            replies,
        };
        (publisher, tokio::spawn(task.run()))
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

    /// Which rejected messages are kept.
    pub fn rejections(&self) -> &Rejections {
        &self.links.rejections
    }

    /// Sends a reply, or drops it when too many are waiting.
    pub fn reply(&self, reply: lane::Reply) {
        self.replies.send(reply);
    }

    /// The way of replies.
    pub const fn replies(&self) -> &ReplySender {
        &self.replies
    }
}

struct Task {
    options: InboundOptions,
    links: Arc<Links>,
    letters: Outbox,
}

impl Task {
    async fn run(mut self) {
        let mut backoff = Backoff::new(LONGEST_WAIT);
        loop {
            if self.letters.is_done() {
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
        tokio::select! {
            sent = self.letters.serve(&connection) => sent?,
            () = lost(&connection, &self.links.publishing) => return Err(AmqpError::Ended),
        }
        connection::close(&connection).await;
        Ok(())
    }
}

/// Returns when the connection is no more; while nothing is published nothing else would tell.
pub(super) async fn lost(connection: &Connection, link: &Shared) {
    let mut look = interval(LOOK_AFTER);
    while connection.status().connected() {
        link.set_blocked(connection.status().blocked());
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
        let confirms = channel.confirm_select(ConfirmSelectOptions::default());
        request::answered("asking for confirms", confirms).await?;
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

pub(super) async fn publish(
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
pub(super) async fn leave(channel: &Channel) -> Result<(), AmqpError> {
    request::answered("closing a channel", channel.close(200, "bye".into())).await
}
