//! Reads the depth of the queues periodically. A passive declaration costs the broker almost
//! nothing and shows that it still answers.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use lapin::{Channel, Connection, options::QueueDeclareOptions, types::FieldTable};
use producer_sdk::contract::Topology;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

use super::{
    connection,
    connection_state::{ConnectionStates, SharedState},
    error::AmqpError,
    request,
};
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
    let channels = Mutex::default();
    let mut silent = HashMap::new();
    let state = &connection_state.receiving;
    loop {
        tokio::select! {
            () = stop.cancelled() => break,
            depths = read(connection, &channels, queues, &mut silent, state) => match depths {
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
    for channel in channels
        .into_inner()
        .unwrap_or_else(PoisonError::into_inner)
    {
        // A dropped channel would be closed at the same time as its connection.
        let _ = timeout(CLOSE_WITHIN, channel.close(200, "bye".into())).await;
    }
}

/// Reads the depth of each queue once; `None`: the connection is lost.
async fn read(
    connection: &Connection,
    channels: &Mutex<Vec<Channel>>,
    queues: &[(String, bool)],
    silent: &mut HashMap<String, Instant>,
    state: &SharedState,
) -> Option<BTreeMap<String, QueueDepth>> {
    silent.retain(|_, since| since.elapsed() < SILENT_FOR);
    let mut requests = Vec::new();
    for (queue, is_commands) in queues {
        if !silent.contains_key(queue) {
            requests.push(async move {
                let ready = read_one(connection, channels, queue).await;
                if ready.is_ok() {
                    state.answered();
                }
                (queue, *is_commands, ready)
            });
        }
    }
    let mut queue_depth = BTreeMap::new();
    for (queue, is_commands, ready) in request::one_by_one(requests).await {
        match ready {
            Ok(ready) => {
                queue_depth.insert(queue.clone(), QueueDepth { ready, is_commands });
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

/// Reads the depth of a queue, over one of the open channels if there is one.
async fn read_one(
    connection: &Connection,
    channels: &Mutex<Vec<Channel>>,
    queue: &str,
) -> Result<u64, AmqpError> {
    let passive = QueueDeclareOptions {
        passive: true,
        ..QueueDeclareOptions::default()
    };
    let open = lock(channels).pop();
    let channel = match open {
        Some(open) => open,
        None => connection::channel(connection).await?,
    };
    let declare = channel.queue_declare(queue.into(), passive, FieldTable::default());
    let found = request::answered("reading the depth of a queue", declare).await?;
    lock(channels).push(channel);
    Ok(found.message_count().into())
}

fn lock(channels: &Mutex<Vec<Channel>>) -> MutexGuard<'_, Vec<Channel>> {
    channels.lock().unwrap_or_else(PoisonError::into_inner)
}
