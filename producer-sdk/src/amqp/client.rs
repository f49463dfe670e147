//! The AMQP side of a client: requests go through the publisher, replies come from the reply queue.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use tokio::select;
use tokio::sync::{Mutex, watch};
use uuid::Uuid;

use super::connection::Endpoint;
use super::producer::{address, topology};
use super::publisher::Publisher;
use super::replies::Replies;
use crate::contract::{Command, QUERY_KEY, Query, Reply, Topology};
use crate::envelope::Envelope;
use crate::error::{Error, Result};
use crate::handle::PublishHandle;
use crate::message::Properties;
use crate::options::Options;
use crate::patience::Patience;
use crate::pending::{Pending, Waiting};
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

/// A message that asks for a reply.
struct Request {
    exchange: String,
    key: String,
    envelope: Envelope,
    correlation_id: String,
}

impl Request {
    /// The properties of a copy, with the name of the reply queue.
    fn properties(&self, reply_to: Option<String>) -> Properties {
        Properties {
            reply_to,
            correlation_id: Some(self.correlation_id.clone()),
            ..self.envelope.properties.clone()
        }
    }
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

    /// Sends commands in this order. An error means that none was sent.
    pub(crate) async fn send_all(
        &self,
        commands: &[Command],
        patience: Patience,
    ) -> Result<Vec<Result<Reply>>> {
        let requests: Result<Vec<Request>> = commands
            .iter()
            .map(|command| {
                let (exchange, key) = address(&self.topology, command);
                let envelope = Envelope::from_command(command)?;
                Ok(Request {
                    exchange,
                    key,
                    envelope,
                    correlation_id: Uuid::now_v7().to_string(),
                })
            })
            .collect();
        self.request_all(requests?, patience).await
    }

    pub(crate) async fn query(&self, query: &Query, deadline: Duration) -> Result<Reply> {
        let mut envelope = Envelope::from_query(query)?;
        envelope.properties.expiration = Some(deadline.as_millis().to_string());
        let request = Request {
            exchange: self.topology.queries(),
            key: QUERY_KEY.to_owned(),
            envelope,
            correlation_id: Uuid::now_v7().to_string(),
        };
        let replies = self.request_all(vec![request], Patience::of(deadline));
        replies.await?.pop().unwrap_or(Err(Error::Closed))
    }

    /// Publishes requests in this order and waits for their replies. After one that cannot be
    /// published, none follows.
    async fn request_all(
        &self,
        requests: Vec<Request>,
        patience: Patience,
    ) -> Result<Vec<Result<Reply>>> {
        let mut queue = self.queue.clone();
        let begin = async {
            let permits = self.window.enter_all(requests.len()).await?;
            let name = queue.wait_for(Option::is_some).await;
            let name = name.map_err(|_| Error::Closed)?.clone();
            let places = self.publisher.places(requests.len()).await?;
            Ok((permits, places, name))
        };
        let (permits, places, name) = patience.enqueue(begin).await?;
        let mut sent = Vec::with_capacity(requests.len());
        let mut is_failed = false;
        for (request, place) in requests.into_iter().zip(places) {
            if is_failed {
                sent.push(Err(Error::Closed));
                continue;
            }
            let waiting = self.pending.wait_for(request.correlation_id.clone());
            let properties = request.properties(name.clone());
            let body = request.envelope.body.clone();
            let handle =
                self.publisher
                    .enqueue_at(place, &request.exchange, &request.key, properties, body);
            is_failed = handle.is_err();
            sent.push(handle.map(|handle| (request, waiting, handle)));
        }
        let replies = sent.into_iter().zip(permits).map(|(sent, permit)| {
            let queue = queue.clone();
            async move {
                let (request, waiting, handle) = sent?;
                let (confirmed, is_confirmed) = watch::channel(false);
                let reply = self.reply(&request, waiting, handle, queue, &confirmed);
                let reply = patience.reply(reply, is_confirmed).await;
                drop(permit);
                reply
            }
        });
        Ok(join_all(replies).await)
    }

    /// Waits for the reply of a request. If the reply queue is replaced, it publishes the request
    /// again with the new name. The ledger applies a command once and replies to every copy. Sets
    /// `confirmed` once the broker has confirmed a copy.
    async fn reply(
        &self,
        request: &Request,
        mut waiting: Waiting,
        mut handle: PublishHandle,
        mut queue: watch::Receiver<Option<String>>,
        confirmed: &watch::Sender<bool>,
    ) -> Result<Reply> {
        loop {
            let confirmed_and_replaced = async {
                handle.await?;
                confirmed.send_replace(true);
                queue.changed().await.map_err(|_| Error::Closed)
            };
            select! {
                reply = &mut waiting.reply => {
                    return Ok(Reply::from_json(&reply.map_err(|_| Error::Closed)?)?);
                }
                replaced = confirmed_and_replaced => replaced?,
            }
            let name = queue.wait_for(Option::is_some).await;
            let properties = request.properties(name.map_err(|_| Error::Closed)?.clone());
            let body = request.envelope.body.clone();
            handle = self
                .publisher
                .enqueue(&request.exchange, &request.key, properties, body)
                .await?;
        }
    }

    pub(crate) async fn close(&self) -> Result<()> {
        self.window.close();
        let published = self.publisher.close().await;
        self.replies.lock().await.close().await;
        published
    }
}
