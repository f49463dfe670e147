//! The handle for publishing, used by apps and workers: a window and a channel to the engine.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;

use super::connection::Endpoint;
use super::engine::{Engine, Publish, Request};
use super::outgoing::Outgoing;
use super::session::Session;
use crate::contract::Topology;
use crate::error::{Error, Result};
use crate::handle::PublishHandle;
use crate::message::Properties;
use crate::options::Options;
use crate::window::{Permit, Window};

/// Publishes messages with confirms. After the last clone is dropped, enqueued messages are still
/// published.
#[derive(Debug, Clone)]
pub(crate) struct Publisher {
    requests: mpsc::UnboundedSender<Request>,
    window: Window,
    confirm_timeout: Duration,
    /// The sender of messages that do not name one.
    sender: Option<Arc<str>>,
}

/// The place of a message in the window, with the time by which it must be confirmed.
#[derive(Debug)]
pub(crate) struct Place {
    permit: Permit,
    deadline: Instant,
}

impl Publisher {
    pub(crate) async fn connect(url: &str, options: &Options) -> Result<Self> {
        let mut endpoint = Endpoint::parse(
            url,
            format!("{} publishing", options.connection_name),
            options.connect_timeout,
        )
        .map_err(Error::Url)?;
        if let Some(id) = options.ledger_id {
            let topology = Topology::new(options.namespace.clone(), 1)?;
            endpoint.ledger = Some(topology.ledger_queue(id));
        }
        let sender = endpoint
            .user()
            .filter(|_| options.name_sender)
            .map(Arc::from);
        let session = Session::open(endpoint.clone(), None)
            .await
            .map_err(Error::Connect)?;
        let (requests, receiver) = mpsc::unbounded_channel();
        let window = options.window.max(1);
        tokio::spawn(Engine::new(endpoint, session, window, options.confirm_timeout).run(receiver));
        Ok(Self {
            requests,
            window: Window::new(options),
            confirm_timeout: options.confirm_timeout,
            sender,
        })
    }

    /// Waits for a permit of the window and passes the message to the engine.
    pub(crate) async fn enqueue(
        &self,
        exchange: &str,
        routing_key: &str,
        properties: Properties,
        body: Vec<u8>,
    ) -> Result<PublishHandle> {
        let place = self.places(1).await?.pop().ok_or(Error::Closed)?;
        self.enqueue_at(place, exchange, routing_key, properties, body)
    }

    /// Waits for the places of several messages. All have one deadline, so that none is published
    /// after one before it was given up.
    pub(crate) async fn places(&self, count: usize) -> Result<Vec<Place>> {
        let permits = self.window.enter_all(count).await?;
        let deadline = Instant::now() + self.confirm_timeout;
        let place = |permit| Place { permit, deadline };
        Ok(permits.into_iter().map(place).collect())
    }

    /// Passes a message to the engine.
    pub(crate) fn enqueue_at(
        &self,
        Place { permit, deadline }: Place,
        exchange: &str,
        routing_key: &str,
        mut properties: Properties,
        body: Vec<u8>,
    ) -> Result<PublishHandle> {
        if properties.user_id.is_none() {
            properties.user_id = self.sender.as_deref().map(str::to_owned);
        }
        let message = Arc::new(Outgoing::new(exchange, routing_key, properties, body)?);
        let (done, result) = oneshot::channel();
        self.requests
            .send(Request::Publish(Publish {
                message,
                done,
                permit,
                deadline,
            }))
            .map_err(|_| Error::Closed)?;
        Ok(PublishHandle::new(result))
    }

    /// Accepts no more messages, waits for the confirms of the accepted ones, and closes the
    /// connection.
    pub(crate) async fn close(&self) -> Result<()> {
        self.window.close();
        let (closer, closed) = oneshot::channel();
        if self.requests.send(Request::Close(closer)).is_err() {
            return Ok(());
        }
        closed.await.unwrap_or(Ok(()))
    }
}
