//! The embedded side of a client: requests and replies are rows.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use tokio::sync::{Mutex, watch};
use uuid::Uuid;

use super::file::Source;
use super::replies::Replies;
use super::writer::{Queue, Row, Writer};
use crate::contract::{Command, Origin, Query, Reply};
use crate::envelope::Envelope;
use crate::error::{Error, Result};
use crate::handle::PublishHandle;
use crate::options::Options;
use crate::patience::Patience;
use crate::pending::{Pending, Waiting};
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

    /// Sends commands in this order. An error means that none was sent.
    pub(crate) async fn send_all(
        &self,
        commands: &[Command],
        patience: Patience,
    ) -> Result<Vec<Result<Reply>>> {
        let rows: Result<Vec<Row>> = commands.iter().map(Row::of_command).collect();
        self.request_all(rows?, patience).await
    }

    /// Sends a query. Its origin has no meaning, because a query changes nothing.
    pub(crate) async fn query(&self, query: &Query, deadline: Duration) -> Result<Reply> {
        let row = Row {
            queue: Queue::Queries,
            origin: Origin::Usage,
            envelope: Envelope::from_query(query)?,
        };
        let replies = self.request_all(vec![row], Patience::of(deadline));
        replies.await?.pop().unwrap_or(Err(Error::Closed))
    }

    /// Stores requests in this order and waits for their replies. After one that cannot be stored,
    /// none follows.
    async fn request_all(
        &self,
        mut rows: Vec<Row>,
        patience: Patience,
    ) -> Result<Vec<Result<Reply>>> {
        let wait_for = |row: &mut Row| {
            let correlation_id = Uuid::now_v7().to_string();
            let properties = &mut row.envelope.properties;
            properties.reply_to = Some(self.reply_to.clone());
            properties.correlation_id = Some(correlation_id.clone());
            self.pending.wait_for(correlation_id)
        };
        let begin = async {
            let permits = self.window.enter_all(rows.len()).await?;
            let waiting: Vec<Waiting> = rows.iter_mut().map(wait_for).collect();
            let handles = self.writer.enqueue_all(rows).await?;
            Ok(waiting.into_iter().zip(handles).zip(permits))
        };
        let sent = patience.enqueue(begin).await?;
        let replies = sent.map(|((waiting, committed), permit)| async move {
            let (confirmed, is_confirmed) = watch::channel(false);
            let reply = self.reply(waiting, committed, &confirmed);
            let reply = patience.reply(reply, is_confirmed).await;
            drop(permit);
            reply
        });
        Ok(join_all(replies).await)
    }

    /// Waits for the reply of a request. Sets `confirmed` once the request is committed.
    async fn reply(
        &self,
        mut waiting: Waiting,
        committed: PublishHandle,
        confirmed: &watch::Sender<bool>,
    ) -> Result<Reply> {
        committed.await?;
        confirmed.send_replace(true);
        let mut closed = self.closed.subscribe();
        tokio::select! {
            reply = &mut waiting.reply => {
                Ok(Reply::from_json(&reply.map_err(|_| Error::Closed)?)?)
            }
            _ = closed.wait_for(|closed| *closed) => Err(Error::Closed),
        }
    }

    pub(crate) async fn close(&self) {
        self.window.close();
        self.writer.close().await;
        self.closed.send_replace(true);
        self.replies.lock().await.close().await;
    }
}
