//! [`Producer`]: publishes commands and waits for their confirms.

#[cfg(feature = "embedded")]
use std::path::PathBuf;

#[cfg(feature = "amqp")]
use crate::amqp::AmqpProducer;
use crate::contract::Command;
#[cfg(feature = "embedded")]
use crate::embedded::{EmbeddedProducer, Source};
#[cfg(all(feature = "amqp", feature = "embedded"))]
use crate::error::Error;
use crate::error::Result;
use crate::handle::PublishHandle;
#[cfg(feature = "amqp")]
use crate::message::Properties;
use crate::options::Options;
use crate::transport::Scheme;

/// Publishes commands. Each one is confirmed by the broker, or committed to the file of the
/// embedded queue.
///
/// Clones share one connection and one window. After the last clone is dropped, enqueued commands
/// are still published in the background. [`close`](Self::close) waits for them.
///
/// If a command was not confirmed, because of an error or because the process died, publish it
/// again with the same reference. The ledger applies it once.
#[derive(Debug, Clone)]
pub struct Producer(Inner);

#[derive(Debug, Clone)]
enum Inner {
    #[cfg(feature = "amqp")]
    Amqp(AmqpProducer),
    #[cfg(feature = "embedded")]
    Embedded(EmbeddedProducer),
}

impl Producer {
    /// Connects by URL: `amqp://…`, `amqps://…`, or `sqlite:///path/to/scrip.db` for the embedded
    /// queue.
    ///
    /// The nodes of a RabbitMQ cluster are a list of URLs, separated by commas, that differ in host
    /// and port only. The first one that answers is used, also after a lost connection.
    pub async fn connect(url: &str, options: Options) -> Result<Self> {
        Ok(Self(match Scheme::from_url(url)? {
            #[cfg(feature = "amqp")]
            Scheme::Amqp => Inner::Amqp(AmqpProducer::connect(url, &options).await?),
            #[cfg(feature = "embedded")]
            Scheme::Sqlite => {
                let source = Source::Url(url.to_owned());
                Inner::Embedded(EmbeddedProducer::open(&source, &options).await?)
            }
        }))
    }

    /// Opens the embedded queue in a file.
    #[cfg(feature = "embedded")]
    pub async fn open(path: impl Into<PathBuf>, options: Options) -> Result<Self> {
        let source = Source::Path(path.into());
        Ok(Self(Inner::Embedded(
            EmbeddedProducer::open(&source, &options).await?,
        )))
    }

    /// Publishes a command and waits for the confirm.
    pub async fn publish(&self, command: &Command) -> Result<()> {
        self.enqueue(command).await?.await
    }

    /// Publishes a command without waiting for the confirm. It waits only until the window has
    /// space. Commands reach the queue in the order of these calls.
    pub async fn enqueue(&self, command: &Command) -> Result<PublishHandle> {
        match &self.0 {
            #[cfg(feature = "amqp")]
            Inner::Amqp(producer) => producer.enqueue(command).await,
            #[cfg(feature = "embedded")]
            Inner::Embedded(producer) => producer.enqueue(command).await,
        }
    }

    /// Publishes commands in this order without waiting for their confirms. Waits until the window
    /// has space for all of them. They have one deadline: if one is not published in time, none
    /// after it is.
    ///
    /// More commands than [`Options::window`] fail with [`Error::WindowFull`].
    pub async fn enqueue_all(&self, commands: &[Command]) -> Result<Vec<PublishHandle>> {
        match &self.0 {
            #[cfg(feature = "amqp")]
            Inner::Amqp(producer) => producer.enqueue_all(commands).await,
            #[cfg(feature = "embedded")]
            Inner::Embedded(producer) => producer.enqueue_all(commands).await,
        }
    }

    /// Publishes any message, with the same confirms, `mandatory` flag, window and reconnects.
    #[cfg(feature = "amqp")]
    pub async fn publish_raw(
        &self,
        exchange: &str,
        routing_key: &str,
        properties: Properties,
        body: Vec<u8>,
    ) -> Result<()> {
        self.enqueue_raw(exchange, routing_key, properties, body)
            .await?
            .await
    }

    /// Like [`publish_raw`](Self::publish_raw), without waiting for the confirm.
    #[cfg(feature = "amqp")]
    pub async fn enqueue_raw(
        &self,
        exchange: &str,
        routing_key: &str,
        properties: Properties,
        body: Vec<u8>,
    ) -> Result<PublishHandle> {
        match &self.0 {
            Inner::Amqp(producer) => {
                producer
                    .publisher()
                    .enqueue(exchange, routing_key, properties, body)
                    .await
            }
            #[cfg(feature = "embedded")]
            Inner::Embedded(_) => Err(Error::Unsupported("publish to exchanges")),
        }
    }

    /// Accepts no more commands from any clone, waits until the accepted ones are confirmed or
    /// given up, and disconnects.
    pub async fn close(&self) -> Result<()> {
        match &self.0 {
            #[cfg(feature = "amqp")]
            Inner::Amqp(producer) => producer.publisher().close().await,
            #[cfg(feature = "embedded")]
            Inner::Embedded(producer) => {
                producer.close().await;
                Ok(())
            }
        }
    }
}
