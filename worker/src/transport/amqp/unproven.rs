//! Sends direct replies to broker nodes that have not received one yet.
//!
//! RabbitMQ 3.10 closes the connection that publishes to a direct reply-to whose node does not
//! belong to its cluster, and the nodes of the cluster cannot be queried. So the first reply to
//! each node goes over a separate connection. After the broker has confirmed it, further replies go
//! over the connection of all replies.

use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use lapin::Connection;
use producer_sdk::{
    amqp::{ConfirmChannel, Outgoing},
    contract::DirectReplyTo,
};
use tokio::{
    sync::mpsc,
    time::{sleep, timeout},
};
use tracing::debug;

use super::{
    byte_budget::Waiting,
    connection,
    error::AmqpError,
    lost_replies::{LostReplies, LostReply},
};

/// Time limit of a confirm. After it the reply counts as lost.
const CONFIRM_WITHIN: Duration = Duration::from_secs(5);
/// Time for which a node that ended the connection is not tried again.
const REFUSED_FOR: Duration = Duration::from_secs(10);
/// Largest number of nodes that are remembered as refused.
const MAX_REFUSED: usize = 1000;
/// Pause after a lost connection, so that invented nodes do not make the worker reconnect all the
/// time.
const PAUSE: Duration = Duration::from_millis(100);

/// Nodes that the broker has accepted, by their hash.
#[derive(Clone, Debug, Default)]
pub struct ProvenNodes(Arc<Mutex<HashSet<u32>>>);

impl ProvenNodes {
    /// Whether a reply to this node may go over the connection of all replies.
    pub fn contains(&self, to: DirectReplyTo) -> bool {
        self.lock().contains(&to.node())
    }

    /// Forgets all nodes: a node may have left the cluster.
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

/// Sends the replies in `inbox`. Ends when all its senders are dropped.
pub struct Unproven {
    pub url: String,
    /// The name of the connection.
    pub name: String,
    pub inbox: mpsc::Receiver<(DirectReplyTo, Waiting)>,
    pub proven: ProvenNodes,
    pub lost: LostReplies,
}

impl Unproven {
    /// Runs until there is nothing more to send.
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
            match self.send(&mut connection, waiting.reply).await {
                Ok(()) => self.proven.insert(to),
                Err(error) => {
                    debug!(
                        error = crate::pipeline::chain(&error),
                        "direct reply refused"
                    );
                    self.lost.add(LostReply::NodeUnknown, 1);
                    if refused.len() >= MAX_REFUSED {
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

    /// Publishes a reply and waits for its confirm. The connection stays in `reusable` for the next
    /// reply.
    async fn send(
        &self,
        reusable: &mut Option<Connection>,
        reply: Outgoing,
    ) -> Result<(), AmqpError> {
        let connection = match reusable.take().filter(|old| old.status().connected()) {
            Some(connection) => connection,
            None => connection::open(&self.url, self.name.clone()).await?,
        };
        let sent = async {
            // The broker returns every mandatory direct reply.
            let mut channel = ConfirmChannel::open(&connection, false).await?;
            channel.publish_all([Arc::new(reply)]).await?;
            channel.close().await
        };
        let sent = match timeout(CONFIRM_WITHIN, sent).await {
            Ok(sent) => sent.map_err(AmqpError::doing("sending a direct reply")),
            Err(_) => Err(AmqpError::Timeout(CONFIRM_WITHIN)),
        };
        match sent {
            Ok(()) => {
                *reusable = Some(connection);
                Ok(())
            }
            Err(error) => {
                connection::close(&connection).await;
                Err(error)
            }
        }
    }
}
