//! One receiving connection, and what the tasks on it share.

use std::{collections::HashSet, sync::Arc, time::Duration};

use lapin::Connection;
use producer_sdk::contract::Topology;
use tokio::{
    sync::{Mutex, watch},
    time::timeout,
};
use tokio_util::sync::CancellationToken;
use tracing::warn;

use super::{error::AmqpError, topology};
use crate::pipeline::chain;

/// How long a lane waits for the declarations of others. A declaration without an answer must not
/// keep other lanes from serving.
const MAX_TURN: Duration = Duration::from_secs(1);

/// A receiving connection.
#[derive(Clone, Debug)]
pub struct Session {
    pub connection: Arc<Connection>,
    /// Stops the tasks of this connection if the worker stops or one of them loses the connection.
    pub stop: CancellationToken,
    /// The queues of lanes that are declared and bound.
    declared: watch::Sender<HashSet<String>>,
    /// Held by the lane that declares its queue.
    turn: Arc<Mutex<()>>,
}

impl Session {
    /// A session that ends at the latest when `stop` is cancelled.
    pub fn new(connection: Arc<Connection>, stop: &CancellationToken) -> Self {
        Self {
            connection,
            stop: stop.child_token(),
            declared: watch::Sender::default(),
            turn: Arc::default(),
        }
    }

    /// Declares the queue of a lane, with its bindings. `connection` is that of the session or the
    /// lane's own.
    pub async fn declare(
        &self,
        connection: &Connection,
        topology: &Topology,
        queue: &str,
    ) -> Result<(), AmqpError> {
        // One after the other: a broker that spreads leaders counts those that exist.
        let _turn = timeout(MAX_TURN, self.turn.lock()).await;
        match topology::declare_queue(connection, topology, queue).await {
            // An exchange may have been deleted.
            Err(error) if error.is_soft() && connection.status().connected() => {
                topology::declare_one(connection, topology, queue).await?;
            }
            declared => drop(declared?),
        }
        self.declared
            .send_if_modified(|queues| queues.insert(queue.to_owned()));
        Ok(())
    }

    /// Unbinds the buckets of other shards from the queues of these shards, when the queues of all
    /// `lanes` are declared. Before that a bucket could end without any binding.
    pub async fn unbind_moved(&self, topology: &Topology, shards: Vec<u32>, lanes: usize) {
        let mut declared = self.declared.subscribe();
        let unbinding = async {
            // The sender lives as long as the session.
            let _ = declared.wait_for(|queues| queues.len() >= lanes).await;
            topology::unbind_from(&self.connection, topology, shards).await
        };
        let unbound = tokio::select! {
            () = self.stop.cancelled() => return,
            unbound = unbinding => unbound,
        };
        if let Err(error) = unbound {
            warn!(
                error = chain(&error),
                "buckets of other shards cannot be unbound"
            );
        }
    }
}
