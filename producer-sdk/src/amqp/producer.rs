//! The AMQP side of a producer: maps commands to exchanges and routing keys.

use super::publisher::Publisher;
use crate::contract::{Command, Topology, bucket};
use crate::envelope::Envelope;
use crate::error::Result;
use crate::handle::PublishHandle;
use crate::options::Options;

#[derive(Debug, Clone)]
pub(crate) struct AmqpProducer {
    publisher: Publisher,
    topology: Topology,
}

impl AmqpProducer {
    pub(crate) async fn connect(url: &str, options: &Options) -> Result<Self> {
        let topology = topology(options)?;
        Ok(Self {
            publisher: Publisher::connect(url, options).await?,
            topology,
        })
    }

    pub(crate) async fn enqueue(&self, command: &Command) -> Result<PublishHandle> {
        let envelope = Envelope::from_command(command)?;
        let (exchange, key) = address(&self.topology, command);
        self.publisher
            .enqueue(&exchange, &key, envelope.properties, envelope.body)
            .await
    }

    pub(crate) async fn enqueue_all(&self, commands: &[Command]) -> Result<Vec<PublishHandle>> {
        let envelopes: Result<Vec<_>> = commands.iter().map(Envelope::from_command).collect();
        let envelopes = envelopes?;
        let places = self.publisher.places(commands.len()).await?;
        let messages = commands.iter().zip(envelopes).zip(places);
        let enqueued = messages.map(|((command, envelope), place)| {
            let (exchange, key) = address(&self.topology, command);
            let Envelope { properties, body } = envelope;
            self.publisher
                .enqueue_at(place, &exchange, &key, properties, body)
        });
        enqueued.collect()
    }

    pub(crate) fn publisher(&self) -> &Publisher {
        &self.publisher
    }
}

/// The names in the namespace. Only workers know the number of shards, but no name that is used
/// here depends on it.
pub(super) fn topology(options: &Options) -> Result<Topology> {
    Ok(Topology::new(options.namespace.clone(), 1)?)
}

/// The exchange and routing key of a command.
pub(super) fn address(topology: &Topology, command: &Command) -> (String, String) {
    (
        topology.exchange(command.origin()),
        bucket(&command.user_id).to_string(),
    )
}
