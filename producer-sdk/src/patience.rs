//! How long a request waits for its reply, and for the confirm before it.

use std::future::Future;
use std::pin::pin;
use std::time::Duration;

use tokio::select;
use tokio::sync::watch;
use tokio::time::{Instant, timeout_at};

use crate::error::{Error, Result};

/// The time limits of a request.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Patience {
    /// Maximum time for the reply.
    pub(crate) reply: Duration,
    /// Maximum time until the message is enqueued. `None`: within the time for the reply. Then that
    /// time also ends the wait for the confirm, which otherwise has the limit of the publisher.
    pub(crate) enqueue: Option<Duration>,
    started: Instant,
}

impl Patience {
    /// One limit for everything.
    pub(crate) fn of(limit: Duration) -> Self {
        Self {
            reply: limit,
            enqueue: None,
            started: Instant::now(),
        }
    }

    /// A limit for the reply only. Messages must be enqueued within `enqueue`.
    pub(crate) fn of_reply(limit: Duration, enqueue: Duration) -> Self {
        Self {
            enqueue: Some(enqueue),
            ..Self::of(limit)
        }
    }

    /// Waits until messages are enqueued.
    pub(crate) async fn enqueue<T>(&self, enqueued: impl Future<Output = Result<T>>) -> Result<T> {
        let limit = self.enqueue.unwrap_or(self.reply);
        let enqueued = timeout_at(self.started + limit, enqueued).await;
        enqueued.map_err(|_| Error::NoReply {
            after: limit,
            confirmed: false,
        })?
    }

    /// Waits for a reply. `confirmed` says whether the message is safe in the queue.
    pub(crate) async fn reply<T>(
        &self,
        reply: impl Future<Output = Result<T>>,
        mut confirmed: watch::Receiver<bool>,
    ) -> Result<T> {
        let mut reply = pin!(reply);
        let mut in_time = timeout_at(self.started + self.reply, reply.as_mut())
            .await
            .ok();
        if in_time.is_none() && self.enqueue.is_some() {
            in_time = select! {
                late = reply => Some(late),
                _ = confirmed.wait_for(|confirmed| *confirmed) => None,
            };
        }
        let no_reply = Error::NoReply {
            after: self.reply,
            confirmed: *confirmed.borrow(),
        };
        match in_time {
            Some(Err(Error::Closed)) if *confirmed.borrow() => Err(no_reply),
            Some(reply) => reply,
            None => Err(no_reply),
        }
    }
}
