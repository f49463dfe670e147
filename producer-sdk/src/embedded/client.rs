//! The embedded side of a client: requests and replies are rows.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Duration;

use tokio::sync::{Mutex, watch};
use tokio::time::timeout;
use uuid::Uuid;

use super::file::Source;
use super::replies::Replies;
use super::writer::{Queue, Row, Writer};
use crate::contract::{Command, Origin, Query, Reply};
use crate::envelope::Envelope;
use crate::error::{Error, Result};
use crate::options::Options;
use crate::pending::Pending;
use crate::window::Window;

#[derive(Debug)]
pub(crate) struct EmbeddedClient {
    writer: Writer,
    reply_to: String,
    pending: Arc<Pending>,
    replies: Mutex<Replies>,
    window: Window,
    closed: watch::Sender<bool>,
}

impl EmbeddedClient {
    pub(crate) async fn open(source: &Source, options: &Options) -> Result<Self> {
        let reply_to = format!("embedded.reply.{}", Uuid::now_v7());
        let pending = Arc::new(Pending::default());
        let replies =
            Replies::open(source, options, reply_to.clone(), Arc::clone(&pending)).await?;
        Ok(Self {
            writer: Writer::open(source, options).await?,
            reply_to,
            pending,
            replies: Mutex::new(replies),
            window: Window::new(options),
            closed: watch::Sender::new(false),
        })
    }

    pub(crate) async fn send(&self, command: &Command, deadline: Duration) -> Result<Reply> {
        let envelope = Envelope::from_command(command)?;
        self.request(
            Row {
                queue: Queue::Commands,
                origin: command.origin(),
                envelope,
            },
            deadline,
        )
        .await
    }

    /// Sends a query. Its origin has no meaning, because a query changes nothing.
    pub(crate) async fn query(&self, query: &Query, deadline: Duration) -> Result<Reply> {
        let envelope = Envelope::from_query(query)?;
        self.request(
            Row {
                queue: Queue::Queries,
                origin: Origin::Usage,
                envelope,
            },
            deadline,
        )
        .await
    }

    async fn request(&self, mut row: Row, deadline: Duration) -> Result<Reply> {
        let confirmed = AtomicBool::new(false);
        let reply = async {
            let _permit = self.window.enter().await?;
            let correlation_id = Uuid::now_v7().to_string();
            row.envelope.properties.reply_to = Some(self.reply_to.clone());
            row.envelope.properties.correlation_id = Some(correlation_id.clone());
            let mut waiting = self.pending.wait_for(correlation_id);
            self.writer.enqueue(row).await?.await?;
            confirmed.store(true, Relaxed);
            let mut closed = self.closed.subscribe();
            tokio::select! {
                reply = &mut waiting.reply => {
                    Ok(Reply::from_json(&reply.map_err(|_| Error::Closed)?)?)
                }
                _ = closed.wait_for(|closed| *closed) => Err(Error::Closed),
            }
        };
        timeout(deadline, reply).await.map_err(|_| Error::NoReply {
            after: deadline,
            confirmed: confirmed.load(Relaxed),
        })?
    }

    pub(crate) async fn close(&self) {
        self.window.close();
        self.writer.close().await;
        self.closed.send_replace(true);
        self.replies.lock().await.close().await;
    }
}
