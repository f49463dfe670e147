//! The embedded side of a producer: commands become rows.

use super::file::Source;
use super::writer::{Row, Writer};
use crate::contract::Command;
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
        self.0.enqueue(Row::of_command(command)?).await
    }

    pub(crate) async fn enqueue_all(&self, commands: &[Command]) -> Result<Vec<PublishHandle>> {
        let rows: Result<Vec<Row>> = commands.iter().map(Row::of_command).collect();
        self.0.enqueue_all(rows?).await
    }

    pub(crate) async fn close(&self) {
        self.0.close().await;
    }
}
