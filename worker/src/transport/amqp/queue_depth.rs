//! Reads the depth of the queues periodically. A passive declaration costs the broker almost
//! nothing and shows that it still answers.

use std::{
    collections::{BTreeMap, HashMap},
    time::{Duration, Instant},
};

use lapin::{Channel, Connection, options::QueueDeclareOptions, types::FieldTable};
use producer_sdk::contract::Topology;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

use super::{connection, connection_state::ConnectionStates, error::AmqpError, request};
use crate::pipeline::QueueDepth;

/// Time limit for closing a channel.
const CLOSE_WITHIN: Duration = Duration::from_secs(1);
/// A queue for which the broker gave no answer is skipped for this long: each such request keeps
/// its channel open on the broker.
const SILENT_FOR: Duration = Duration::from_mins(1);

/// The queues whose depth is read, each with whether it holds commands: the served queues, then the
/// delay queue and the dead-letter queue.
pub fn queues(topology: &Topology, served: Vec<String>) -> Vec<(String, bool)> {
    let others = [topology.delay(), topology.dead()];
    let served = served.into_iter().map(|queue| (queue, true));
    served.chain(others.map(|queue| (queue, false))).collect()
}

/// Reads the depths until `stop` is cancelled or the connection is lost, which the lanes detect by
/// themselves. `dead` is the name of the dead-letter queue.
pub async fn watch(
    connection: &Connection,
    queues: &[(String, bool)],
    dead: &str,
    every: Duration,
    connection_state: &ConnectionStates,
    stop: CancellationToken,
) {
    let mut channel = None;
    let mut silent = HashMap::new();
    loop {
        tokio::select! {
            () = stop.cancelled() => break,
            depths = read(connection, &mut channel, queues, &mut silent) => match depths {
                // Without any depth, the broker may not have answered at all.
                Some(queue_depth) if queue_depth.is_empty() => {}
                Some(queue_depth) => {
                    if let Some(dead) = queue_depth.get(dead) {
                        connection_state.rejections.set_waiting(dead.ready);
                    }
                    connection_state.set_queues(queue_depth);
                }
                None => break,
            },
        }
        tokio::select! {
            () = stop.cancelled() => break,
            () = sleep(every) => {}
        }
    }
    if let Some(channel) = channel {
        // A dropped channel would be closed at the same time as its connection.
        let _ = timeout(CLOSE_WITHIN, channel.close(200, "bye".into())).await;
    }
}

/// Reads the depth of each queue once; `None`: the connection is lost.
async fn read(
    connection: &Connection,
    channel: &mut Option<Channel>,
    queues: &[(String, bool)],
    silent: &mut HashMap<String, Instant>,
) -> Option<BTreeMap<String, QueueDepth>> {
    let passive = QueueDeclareOptions {
        passive: true,
        ..QueueDeclareOptions::default()
    };
    let mut queue_depth = BTreeMap::new();
    silent.retain(|_, since| since.elapsed() < SILENT_FOR);
    for (queue, is_commands) in queues {
        if silent.contains_key(queue) {
            continue;
        }
        let open = match channel.take() {
            Some(open) => open,
            None => connection::channel(connection).await.ok()?,
        };
        let declare = open.queue_declare(queue.as_str().into(), passive, FieldTable::default());
        match request::answered("reading the depth of a queue", declare).await {
            Ok(found) => {
                let depth = QueueDepth {
                    ready: found.message_count().into(),
                    is_commands: *is_commands,
                };
                queue_depth.insert(queue.clone(), depth);
                *channel = Some(open);
            }
            // The queue does not exist, and the broker has closed the channel.
            Err(error) if error.is_soft() => {}
            Err(AmqpError::NoAnswer { .. }) => {
                silent.insert(queue.clone(), Instant::now());
            }
            Err(_) => return None,
        }
    }
    Some(queue_depth)
}
