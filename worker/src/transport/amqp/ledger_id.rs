//! Stores the id of a namespace's ledger on the broker.
//!
//! The queue `{ns}.ledger` is declared with the id as its dead-letter routing key. RabbitMQ (3.10
//! to 4.x) answers a declaration with another key with 406 and names both keys. So the first worker
//! that declares the queue claims the namespace for its ledger, even if two workers start at once,
//! and the claim survives a restart of the broker.

use lapin::{
    Connection, Queue,
    options::{QueueDeclareOptions, QueueDeleteOptions},
    types::FieldTable,
};
use producer_sdk::contract::Topology;
use uuid::Uuid;

use super::{
    connection,
    error::{AmqpError, OtherLedger},
    request,
    topology::{ACCESS_REFUSED, NOT_FOUND, PRECONDITION_FAILED, short, table},
};
use crate::pipeline::chain;

/// Compares the ledger id with the one on the broker. A broker without an id adopts this one.
pub async fn compare(
    connection: &Connection,
    topology: &Topology,
    id: Uuid,
) -> Result<(), AmqpError> {
    let channel = connection::channel(connection).await?;
    let spec = topology.ledger_queue(id);
    let declare = channel.queue_declare(
        short(&spec.name)?,
        QueueDeclareOptions::durable(),
        table(&spec.args)?,
    );
    let Err(error) = request::answered("comparing the ledger's id", declare).await else {
        request::close_channel(&channel).await;
        return Ok(());
    };
    let text = chain(&error);
    match error.code() {
        Some(PRECONDITION_FAILED) => Err(key_on_broker(&text).map_or(error, |on_broker| {
            AmqpError::OtherLedger(OtherLedger {
                namespace: topology.namespace().to_owned(),
                in_database: id,
                on_broker,
            })
        })),
        Some(ACCESS_REFUSED) => Err(AmqpError::LedgerQueueForbidden {
            queue: spec.name,
            source: Box::new(error),
        }),
        _ => Err(error),
    }
}

/// Opens a connection, compares the ids, and closes the connection.
pub async fn compare_at(url: &str, topology: &Topology, id: Uuid) -> Result<(), AmqpError> {
    let connection = connection::open(url, "scrip topology".to_owned()).await?;
    let compared = compare(&connection, topology, id).await;
    connection::close(&connection).await;
    compared
}

/// Like [`compare_at`], but claims nothing: a namespace without a ledger is accepted.
pub async fn compare_claimed_at(url: &str, topology: &Topology, id: Uuid) -> Result<(), AmqpError> {
    let connection = connection::open(url, "scrip topology".to_owned()).await?;
    let compared = async {
        match look_up(&connection, &topology.ledger()).await? {
            Some(_) => compare(&connection, topology, id).await,
            None => Ok(()),
        }
    };
    let compared = compared.await;
    connection::close(&connection).await;
    compared
}

/// Claims the namespace for the ledger with this id, even if it belongs to another ledger. Fails
/// while a worker serves the namespace.
pub async fn claim_at(url: &str, topology: &Topology, id: Uuid) -> Result<(), AmqpError> {
    let connection = connection::open(url, "scrip topology".to_owned()).await?;
    let claimed = claim(&connection, topology, id).await;
    connection::close(&connection).await;
    claimed
}

async fn claim(connection: &Connection, topology: &Topology, id: Uuid) -> Result<(), AmqpError> {
    for queue in topology.queues() {
        let consumers = consumers_of(connection, &queue.name).await?;
        if consumers > 0 {
            return Err(AmqpError::StillServed {
                queue: queue.name,
                consumers,
            });
        }
    }
    let channel = connection::channel(connection).await?;
    let delete = channel.queue_delete(short(topology.ledger())?, QueueDeleteOptions::default());
    request::answered("deleting the queue with the other ledger's id", delete).await?;
    request::close_channel(&channel).await;
    compare(connection, topology, id).await
}

/// Connects, and returns whether a worker has subscribed to `queue`.
pub async fn is_served_at(url: &str, queue: &str) -> Result<bool, AmqpError> {
    let connection = connection::open(url, "scrip".to_owned()).await?;
    let consumers = consumers_of(&connection, queue).await;
    connection::close(&connection).await;
    Ok(consumers? > 0)
}

/// Number of consumers of a queue; 0 if the queue does not exist.
async fn consumers_of(connection: &Connection, queue: &str) -> Result<u32, AmqpError> {
    let found = look_up(connection, queue).await?;
    Ok(found.map_or(0, |queue| queue.consumer_count()))
}

/// Looks up a queue; `None` if it does not exist.
async fn look_up(connection: &Connection, queue: &str) -> Result<Option<Queue>, AmqpError> {
    let passive = QueueDeclareOptions {
        passive: true,
        ..QueueDeclareOptions::default()
    };
    let channel = connection::channel(connection).await?;
    let lookup = channel.queue_declare(short(queue)?, passive, FieldTable::default());
    match request::answered("looking up a queue", lookup).await {
        Ok(queue) => {
            request::close_channel(&channel).await;
            Ok(Some(queue))
        }
        Err(error) if error.code() == Some(NOT_FOUND) => Ok(None),
        Err(error) => Err(error),
    }
}

/// The routing key with which the queue was declared. It comes from the text of the broker:
/// "inequivalent arg 'x-dead-letter-routing-key' for queue '…' in vhost '…': received '…' but
/// current is '…'". The broker cuts its texts to 255 bytes and ends those with dots.
fn key_on_broker(text: &str) -> Option<String> {
    if !text.contains("inequivalent arg 'x-dead-letter-routing-key'") {
        return None;
    }
    let current = text
        .rsplit_once("but current is '")
        .map_or("", |(_, current)| current);
    let key: String = current
        .chars()
        .take_while(char::is_ascii_hexdigit)
        .collect();
    Some(
        key.parse::<Uuid>()
            .map_or_else(|_| format!("{key}…"), |id| id.to_string()),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_on_the_broker_is_read_from_its_answer() {
        let answer = |current: &str| {
            format!(
                "PRECONDITION_FAILED - inequivalent arg 'x-dead-letter-routing-key' for queue \
                 'till.ledger' in vhost '/': received 'eb7a11f2c1ee4fdeb9557ec27fb291fe' but \
                 current is '{current}"
            )
        };
        for (current, expected) in [
            (
                "f0f4fe262ce042a6adfd8e76d82656b7'",
                "f0f4fe26-2ce0-42a6-adfd-8e76d82656b7",
            ),
            ("f0f4fe262ce0...", "f0f4fe262ce0…"),
            ("...", "…"),
        ] {
            assert_eq!(key_on_broker(&answer(current)).as_deref(), Some(expected));
        }
        let other = "PRECONDITION_FAILED - inequivalent arg 'x-queue-type' for queue 'till.ledger' \
                     in vhost '/'";
        assert_eq!(key_on_broker(other), None);
    }
}
