//! Sends direct replies to nodes of the broker that no direct reply has gone to yet.
//!
//! RabbitMQ 3.10 closes the connection that publishes to a direct reply-to whose node is none of its cluster's, and which
//! nodes those are cannot be asked. So the first reply to each node goes over a connection of its own, and when the broker
//! has confirmed it the others follow over the connection of all replies.

use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use lapin::{
    Connection,
    options::{BasicPublishOptions, ConfirmSelectOptions},
};
use producer_sdk::contract::DirectReplyTo;
use tokio::{
    sync::mpsc,
    time::{sleep, timeout},
};
use tracing::debug;

use super::{
    AmqpError, connection,
    lost_replies::{LostReplies, LostReply},
    outgoing::Outgoing,
    publisher::{leave, publish},
    room::Waiting,
};

/// The broker confirms by then, or the reply counts as lost.
const CONFIRM_WITHIN: Duration = Duration::from_secs(5);
/// A node that ended the connection is not tried again for this long.
const REFUSED_FOR: Duration = Duration::from_secs(10);
/// Nodes that are remembered as refused.
const MOST_REFUSED: usize = 1000;
/// The pause after a lost connection: made-up nodes must not make the worker connect without end.
const PAUSE: Duration = Duration::from_millis(100);

/// Nodes that the broker is known to know, by their hash.
#[derive(Clone, Debug, Default)]
pub struct ProvenNodes(Arc<Mutex<HashSet<u32>>>);

impl ProvenNodes {
    /// Whether a reply may go there over the connection of all replies.
    pub fn contains(&self, to: DirectReplyTo) -> bool {
        self.lock().contains(&to.node())
    }

    /// Forgets them all: a node may have left the cluster.
    pub fn clear(&self) {
        self.lock().clear();
    }

    fn insert(&self, to: DirectReplyTo) {
        self.lock().insert(to.node());
    }

    fn lock(&self) -> MutexGuard<'_, HashSet<u32>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Sends what arrives in `inbox`; ends when all its senders are gone.
pub struct Unproven {
    pub url: String,
    /// The connection's name.
    pub name: String,
    pub inbox: mpsc::Receiver<(DirectReplyTo, Waiting)>,
    pub proven: ProvenNodes,
    pub lost: LostReplies,
}

impl Unproven {
    /// Goes on until there is nothing to send any more.
    pub async fn run(mut self) {
        let mut connection = None;
        let mut refused = HashMap::new();
        while let Some((to, waiting)) = self.inbox.recv().await {
            let is_refused = refused
                .get(&to.node())
                .is_some_and(|at: &Instant| at.elapsed() < REFUSED_FOR);
            if is_refused {
                self.lost.add(LostReply::NodeUnknown, 1);
                continue;
            }
            match self.send(&mut connection, &waiting.reply).await {
                Ok(()) => self.proven.insert(to),
                Err(error) => {
                    debug!(error = crate::lane::chain(&error), "a direct reply was refused");
                    self.lost.add(LostReply::NodeUnknown, 1);
                    if refused.len() >= MOST_REFUSED {
                        refused.clear();
                    }
                    refused.insert(to.node(), Instant::now());
                    sleep(PAUSE).await;
                }
            }
            if self.inbox.is_empty()
                && let Some(connection) = connection.take()
            {
                connection::close(&connection).await;
            }
        }
    }

    /// Publishes a reply and waits for its confirm. The connection is left where the next reply finds it.
    async fn send(&self, kept: &mut Option<Connection>, reply: &Outgoing) -> Result<(), AmqpError> {
        let connection = match kept.take().filter(|kept| kept.status().connected()) {
            Some(connection) => connection,
            None => connection::open(&self.url, self.name.clone()).await?,
        };
        let sent = async {
            let channel = connection::channel(&connection).await?;
            channel
                .confirm_select(ConfirmSelectOptions::default())
                .await
                .map_err(AmqpError::doing("asking for confirms"))?;
            let confirm = publish(&channel, reply, BasicPublishOptions::default()).await?;
            confirm.await.map_err(AmqpError::doing("waiting for a confirm"))?;
            leave(&channel).await
        };
        let sent = timeout(CONFIRM_WITHIN, sent).await;
        match sent.unwrap_or(Err(AmqpError::Timeout(CONFIRM_WITHIN))) {
            Ok(()) => {
                *kept = Some(connection);
                Ok(())
            }
            Err(error) => {
                connection::close(&connection).await;
                Err(error)
            }
        }
    }
}
