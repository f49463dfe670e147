//! The AMQP side of a client: requests go through the publisher, replies come from the reply queue.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Duration;

use tokio::select;
use tokio::sync::{Mutex, watch};
use tokio::time::timeout;
use uuid::Uuid;

use super::connection::Endpoint;
use super::producer::{address, topology};
use super::publisher::Publisher;
use super::replies::Replies;
use crate::contract::{Command, QUERY_KEY, Query, Reply, Topology};
use crate::envelope::Envelope;
use crate::error::{Error, Result};
use crate::options::Options;
use crate::pending::Pending;
use crate::window::Window;

#[derive(Debug)]
pub(crate) struct AmqpClient {
    publisher: Publisher,
    topology: Topology,
    pending: Arc<Pending>,
    queue: watch::Receiver<Option<String>>,
    replies: Mutex<Replies>,
    window: Window,
}

impl AmqpClient {
    pub(crate) async fn connect(url: &str, options: &Options) -> Result<Self> {
        let topology = topology(options)?;
        let name = format!("{} receiving", options.connection_name);
        let endpoint = Endpoint::parse(url, name, options.connect_timeout).map_err(Error::Url)?;
        let replies = Replies::connect(endpoint).await?;
        Ok(Self {
            publisher: Publisher::connect(url, options).await?,
            topology,
            pending: Arc::clone(&replies.pending),
            queue: replies.queue.clone(),
            replies: Mutex::new(replies),
            window: Window::new(options),
        })
    }

    pub(crate) async fn send(&self, command: &Command, deadline: Duration) -> Result<Reply> {
        let (exchange, key) = address(&self.topology, command);
        self.request(&exchange, &key, Envelope::from_command(command)?, deadline)
            .await
    }

    pub(crate) async fn query(&self, query: &Query, deadline: Duration) -> Result<Reply> {
        let mut envelope = Envelope::from_query(query)?;
        envelope.properties.expiration = Some(deadline.as_millis().to_string());
        self.request(&self.topology.queries(), QUERY_KEY, envelope, deadline)
            .await
    }

    async fn request(
        &self,
        exchange: &str,
        key: &str,
        envelope: Envelope,
        deadline: Duration,
    ) -> Result<Reply> {
        let confirmed = AtomicBool::new(false);
        let reply = async {
            let _permit = self.window.enter().await?;
            self.exchange(exchange, key, envelope, &confirmed).await
        };
        timeout(deadline, reply).await.map_err(|_| Error::NoReply {
            after: deadline,
            confirmed: confirmed.load(Relaxed),
        })?
    }

    /// Publishes the request and waits for the reply. If the reply queue is replaced, it publishes
    /// the request again with the new name. The ledger applies a command once and replies to every
    /// copy. Sets `confirmed` once the broker has confirmed a copy.
    async fn exchange(
        &self,
        exchange: &str,
        key: &str,
        envelope: Envelope,
        confirmed: &AtomicBool,
    ) -> Result<Reply> {
        let correlation_id = Uuid::now_v7().to_string();
        let mut waiting = self.pending.wait_for(correlation_id.clone());
        let mut queue = self.queue.clone();
        loop {
            let name = queue
                .wait_for(Option::is_some)
                .await
                .map_err(|_| Error::Closed)?
                .clone();
            let mut properties = envelope.properties.clone();
            properties.reply_to = name;
            properties.correlation_id = Some(correlation_id.clone());
            let enqueued = self
                .publisher
                .enqueue(exchange, key, properties, envelope.body.clone())
                .await?;
            let confirmed_and_replaced = async {
                enqueued.await?;
                confirmed.store(true, Relaxed);
                queue.changed().await.map_err(|_| Error::Closed)
            };
            select! {
                reply = &mut waiting.reply => {
                    return Ok(Reply::from_json(&reply.map_err(|_| Error::Closed)?)?);
                }
                replaced = confirmed_and_replaced => replaced?,
            }
        }
    }

    pub(crate) async fn close(&self) -> Result<()> {
        self.window.close();
        let published = self.publisher.close().await;
        self.replies.lock().await.close().await;
        published
    }
}
