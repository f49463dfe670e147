//! Looks again and again what waits in the queues. A passive declaration costs the broker next to nothing, and shows
//! that it still answers.

use std::{
    collections::{BTreeMap, HashMap},
    time::{Duration, Instant},
};

use lapin::{Channel, Connection, options::QueueDeclareOptions, types::FieldTable};
use producer_sdk::contract::Topology;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

use super::{AmqpError, connection, links::Links, request};
use crate::lane::Length;

/// For so long a channel may take to close.
const CLOSING: Duration = Duration::from_secs(1);
/// The broker is not asked again for this long about a queue for which it gave no answer: each such request keeps its channel
/// on the broker.
const SILENT_FOR: Duration = Duration::from_mins(1);

/// The queues whose lengths are told: those that are served, then what is delayed and what is dead.
pub fn queues(topology: &Topology, served: Vec<String>) -> Vec<(String, bool)> {
    let others = [topology.delay(), topology.dead()];
    let served = served.into_iter().map(|queue| (queue, true));
    served.chain(others.map(|queue| (queue, false))).collect()
}

/// Looks until `stop`, or until the connection is lost, which its lanes notice by themselves. `dead` is the queue of the dead
/// letters.
pub async fn watch(
    connection: &Connection,
    queues: &[(String, bool)],
    dead: &str,
    every: Duration,
    links: &Links,
    stop: CancellationToken,
) {
    let mut channel = None;
    let mut silent = HashMap::new();
    loop {
        tokio::select! {
            () = stop.cancelled() => break,
            looked = look(connection, &mut channel, queues, &mut silent) => match looked {
                // Where no queue was told of, the broker may not have answered at all.
                Some(lengths) if lengths.is_empty() => {}
                Some(lengths) => {
                    if let Some(dead) = lengths.get(dead) {
                        links.rejections.looked(dead.ready);
                    }
                    links.looked(lengths);
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
        // Dropped, it would be closed at the same time as its connection.
        let _ = timeout(CLOSING, channel.close(200, "bye".into())).await;
    }
}

/// `None`: the connection is lost.
async fn look(
    connection: &Connection,
    channel: &mut Option<Channel>,
    queues: &[(String, bool)],
    silent: &mut HashMap<String, Instant>,
) -> Option<BTreeMap<String, Length>> {
    let passive = QueueDeclareOptions {
        passive: true,
        ..QueueDeclareOptions::default()
    };
    let mut lengths = BTreeMap::new();
    silent.retain(|_, since| since.elapsed() < SILENT_FOR);
    for (queue, is_commands) in queues {
        if silent.contains_key(queue) {
            continue;
        }
        let open = match channel.take() {
            Some(open) => open,
            None => connection::channel(connection).await.ok()?,
        };
        let look = open.queue_declare(queue.as_str().into(), passive, FieldTable::default());
        match request::answered("looking what waits in a queue", look).await {
            Ok(found) => {
                let length = Length {
                    ready: found.message_count().into(),
                    is_commands: *is_commands,
                };
                lengths.insert(queue.clone(), length);
                *channel = Some(open);
            }
            // The queue is not there, and the broker has closed the channel.
            Err(error) if error.is_soft() => {}
            Err(AmqpError::NoAnswer { .. }) => {
                silent.insert(queue.clone(), Instant::now());
            }
            Err(_) => return None,
        }
    }
    Some(lengths)
}
