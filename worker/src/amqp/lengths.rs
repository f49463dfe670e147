//! Looks again and again what waits in the queues. A passive declaration costs the broker next to nothing, and shows
//! that it still answers.

use std::{collections::BTreeMap, time::Duration};

use lapin::{Channel, Connection, options::QueueDeclareOptions, types::FieldTable};
use producer_sdk::contract::Topology;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

use super::{connection, links::Links};
use crate::lane::Length;

/// For so long a channel may take to close.
const CLOSING: Duration = Duration::from_secs(1);

/// The queues whose lengths are told: those that are served, then what is delayed and what is dead.
pub fn queues(topology: &Topology, served: Vec<String>) -> Vec<(String, bool)> {
    let others = [topology.delay(), topology.dead()];
    let served = served.into_iter().map(|queue| (queue, true));
    served.chain(others.map(|queue| (queue, false))).collect()
}

/// Looks until `stop`, or until the connection is lost, which its lanes notice by themselves.
pub async fn watch(
    connection: &Connection,
    queues: &[(String, bool)],
    every: Duration,
    links: &Links,
    stop: CancellationToken,
) {
    let mut channel = None;
    loop {
        tokio::select! {
            () = stop.cancelled() => break,
            looked = look(connection, &mut channel, queues) => match looked {
                Some(lengths) => links.looked(lengths),
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
) -> Option<BTreeMap<String, Length>> {
    let passive = QueueDeclareOptions {
        passive: true,
        ..QueueDeclareOptions::default()
    };
    let mut lengths = BTreeMap::new();
    for (queue, is_commands) in queues {
        let open = match channel.take() {
            Some(open) => open,
            None => connection::channel(connection).await.ok()?,
        };
        match open
            .queue_declare(queue.as_str().into(), passive, FieldTable::default())
            .await
        {
            Ok(found) => {
                let length = Length {
                    ready: found.message_count().into(),
                    is_commands: *is_commands,
                };
                lengths.insert(queue.clone(), length);
                *channel = Some(open);
            }
            // The queue is not there, and the broker has closed the channel.
            Err(error) if error.is_amqp_soft_error() => {}
            Err(_) => return None,
        }
    }
    Some(lengths)
}
