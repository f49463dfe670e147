//! Removes a namespace with all its messages.

use lapin::options::{ExchangeDeleteOptions, QueueDeleteOptions};
use producer_sdk::contract::Topology;

use super::{connection, error::AmqpError, request};

/// Opens a connection, deletes every queue and exchange of the namespace, and closes the
/// connection.
pub async fn remove_at(url: &str, topology: &Topology) -> Result<(), AmqpError> {
    let connection = connection::open(url, "scrip topology".to_owned()).await?;
    let removed = remove(&connection, topology).await;
    connection::close(&connection).await;
    removed
}

async fn remove(connection: &lapin::Connection, topology: &Topology) -> Result<(), AmqpError> {
    const DOING: &str = "removing a namespace";
    let channel = connection::channel(connection).await?;
    let queues = topology.queues().into_iter().map(|queue| queue.name);
    for queue in queues.chain([topology.ledger(), topology.retained()]) {
        let delete = channel.queue_delete(queue.into(), QueueDeleteOptions::default());
        request::answered_slowly(DOING, delete).await?;
    }
    for exchange in topology.exchanges() {
        let delete =
            channel.exchange_delete(exchange.name.into(), ExchangeDeleteOptions::default());
        request::answered_slowly(DOING, delete).await?;
    }
    Ok(())
}
