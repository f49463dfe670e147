//! Finds the queues of former shards.

use std::sync::atomic::{AtomicU32, Ordering::SeqCst};

use lapin::{Connection, options::QueueDeclareOptions, types::FieldTable};
use producer_sdk::contract::{BUCKETS, Topology};

use super::{connection, error::AmqpError, request, topology::short};

/// Shards beyond the current number that still have a queue, because there were more shards before.
/// Their queues are served until they are empty. The search ends at the first queue that does not
/// exist, so that it costs one refused request. So operators must delete such queues from the
/// highest number down.
pub async fn retired_shards(
    connection: &Connection,
    topology: &Topology,
) -> Result<Vec<u32>, AmqpError> {
    // The first shard without a queue.
    let end = AtomicU32::new(BUCKETS);
    let lookups = (topology.shards()..BUCKETS)
        .take_while(|shard| *shard < end.load(SeqCst))
        .map(|shard| {
            let end = &end;
            async move {
                let has_queue = has_queue(connection, topology, shard).await;
                if !matches!(has_queue, Ok(true)) {
                    end.fetch_min(shard, SeqCst);
                }
                has_queue.map(|_| shard)
            }
        });
    let found: Result<Vec<u32>, AmqpError> =
        request::one_by_one(lookups).await.into_iter().collect();
    let mut retired = found?;
    retired.retain(|shard| *shard < end.load(SeqCst));
    retired.sort_unstable();
    Ok(retired)
}

/// Whether a shard has a queue, also one that does not answer.
async fn has_queue(
    connection: &Connection,
    topology: &Topology,
    shard: u32,
) -> Result<bool, AmqpError> {
    let channel = connection::channel(connection).await?;
    let passive = QueueDeclareOptions {
        passive: true,
        ..QueueDeclareOptions::default()
    };
    let queue = short(topology.commands(shard))?;
    let lookup = channel.queue_declare(queue, passive, FieldTable::default());
    match request::answered("looking for former shards", lookup).await {
        Ok(_) => {
            request::close_channel(&channel).await;
            Ok(true)
        }
        // The queue exists, and its leader does not answer.
        Err(AmqpError::NoAnswer { .. }) => Ok(true),
        Err(error) if error.is_soft() => Ok(false),
        Err(error) => Err(error),
    }
}
