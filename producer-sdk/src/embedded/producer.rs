//! The embedded side of a producer: commands become rows.

use super::file::Source;
use super::writer::{Queue, Row, Writer};
use crate::contract::Command;
use crate::envelope::Envelope;
use crate::error::Result;
use crate::handle::PublishHandle;
use crate::options::Options;

#[derive(Debug, Clone)]
pub(crate) struct EmbeddedProducer(Writer);

impl EmbeddedProducer {
    pub(crate) async fn open(source: &Source, options: &Options) -> Result<Self> {
        Ok(Self(Writer::open(source, options).await?))
    }

    pub(crate) async fn enqueue(&self, command: &Command) -> Result<PublishHandle> {
        let envelope = Envelope::from_command(command)?;
        self.0
            .enqueue(Row {
                queue: Queue::Commands,
                origin: command.origin(),
                envelope,
            })
            .await
    }

    pub(crate) async fn close(&self) {
        self.0.close().await;
    }
}
