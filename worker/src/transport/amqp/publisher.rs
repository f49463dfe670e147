//! Publishes dead letters and delayed messages, over its own connection.
//!
//! These messages must not be lost. One task publishes them as `mandatory` over a channel with
//! publisher confirms, and publishes them again until the broker confirms. The lane waits
//! meanwhile. Replies may be lost and use another connection ([`super::replies`]).

use std::{sync::Arc, time::Duration};

use futures_util::future::{join_all, try_join_all};
use lapin::{
    Channel, Confirmation, Connection,
    options::{BasicPublishOptions, ConfirmSelectOptions},
};
use tokio::{
    sync::{mpsc, oneshot},
    task::JoinHandle,
    time::{Instant, sleep, timeout},
};
use tracing::{error, warn};

use super::{
    connection, connection_state::ConnectionStates, error::AmqpError, options::InboundOptions,
    outgoing::Outgoing, rejections::Rejections, replies::ReplySender, request, topology,
};
use crate::pipeline::{self, Backoff, chain};

/// Largest number of batches, each of one lane, that wait to be published.
const BATCHES: usize = 16;
const CONFIRM_WITHIN: Duration = Duration::from_secs(30);
const LONGEST_WAIT: Duration = Duration::from_secs(10);

/// The publisher has ended because the worker stops.
#[derive(Debug, thiserror::Error)]
#[error("the publisher has stopped")]
pub struct Stopped;

/// A handle to the task that publishes dead letters and delayed messages, and to the task that
/// sends replies. Each task ends when its last handle is dropped and everything is sent.
#[derive(Clone, Debug)]
pub struct Publisher {
    connection_state: Arc<ConnectionStates>,
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
        connection_state: Arc<ConnectionStates>,
        replies: ReplySender,
    ) -> (Self, JoinHandle<()>) {
        let (letters, inbox) = mpsc::channel(BATCHES);
        let task = Task {
            options: options.clone(),
            connection_state: connection_state.clone(),
            letters: Outbox {
                inbox,
                current: None,
            },
        };
        let publisher = Self {
            connection_state,
            letters,
            replies,
        };
        (publisher, tokio::spawn(task.run()))
    }

    /// Publishes messages that must not be lost. Returns when the broker has confirmed all of them.
    pub async fn publish(&self, messages: Vec<Outgoing>) -> Result<(), Stopped> {
        let (confirmed, confirmation) = oneshot::channel();
        self.letters
            .send(Letters {
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
                    self.connection_state.publishing.down();
                    return;
                }
                Err(error) => {
                    let error = chain(&error);
                    if let Some(suppressed) = self.connection_state.other_failures.note(&error) {
                        warn!(error, suppressed, "publishing interrupted, reconnecting");
                    }
                }
            }
            self.connection_state.publishing.lost();
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
        self.connection_state.publishing.up();
        self.connection_state.other_failures.clear();
        tokio::select! {
            sent = self.letters.serve(&connection) => sent?,
            () = self.connection_state.publishing.watch(&connection) => {
                return Err(AmqpError::Ended);
            }
        }
        connection::close(&connection).await;
        Ok(())
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
        request::answered("enabling publisher confirms", confirms).await?;
        loop {
            let letters = match self.current.take() {
                Some(letters) => letters,
                None => match self.inbox.recv().await {
                    Some(letters) => letters,
                    None => {
                        request::leave(&channel).await;
                        return Ok(());
                    }
                },
            };
            // Stored until they are confirmed, so that the next connection publishes them again.
            let letters = self.current.insert(letters);
            publish_confirmed(connection, &channel, &letters.messages).await?;
            if let Some(letters) = self.current.take() {
                // The lane may have ended meanwhile; the messages are published nevertheless.
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
        let confirms = try_join_all(
            messages
                .iter()
                .map(|message| message.publish(channel, options)),
        )
        .await?;
        for (confirmed, message) in join_all(confirms).await.into_iter().zip(messages) {
            let why = match confirmed.map_err(AmqpError::doing("waiting for a confirm"))? {
                Confirmation::Ack(None) => continue,
                Confirmation::Ack(Some(returned)) => returned.reply_text.to_string(),
                Confirmation::Nack(_) => "the broker refused it".to_owned(),
                Confirmation::NotRequested => "no confirm was requested".to_owned(),
            };
            let exchange = message.exchange.to_string();
            error!(
                exchange,
                why,
                alarm = true,
                "broker did not accept a message, retrying"
            );
            return Err(AmqpError::NotTaken { exchange, why });
        }
        Ok(())
    };
    tokio::pin!(sent);
    loop {
        match timeout(CONFIRM_WITHIN, &mut sent).await {
            Ok(done) => return done,
            // A broker that is short of memory or disk makes publishers wait; reconnecting does not
            // help.
            Err(_) if connection.status().blocked() => {
                warn!("broker blocks publishers, waiting");
            }
            Err(_) => return Err(AmqpError::Timeout(CONFIRM_WITHIN)),
        }
    }
}
