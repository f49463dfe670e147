//! Closes the holds that have ended, every minute.
//!
//! From its end on a hold reserves nothing, so nothing waits for this job. It only keeps the rows
//! tidy: the sums of wallets and batches, and the expiration of batches that expired while they
//! were held. Every worker looks for such holds; Redis, if there is one, keeps the others from
//! doing the same work in the same minute. Closing twice changes nothing.

use std::{sync::Arc, time::Duration};

use chrono::DateTime;
use futures_util::{StreamExt, stream};
use producer_sdk::{Client, Command};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use super::{ANSWER_TIMEOUT, WINDOW, error::CloseError, request::request};
use crate::{cache::Redis, clock::Clock, db::Database, pipeline::chain, read};

const EVERY: Duration = Duration::from_mins(1);
/// Duration of the lock that keeps other workers from the same work.
const LOCK_DURATION: Duration = Duration::from_secs(50);
const LOCK: &str = "holds:close";

/// Closes the holds that have ended.
#[derive(Debug)]
pub struct HoldCloser {
    pub database: Database,
    pub client: Arc<Client>,
    /// Holds the lock; `None` without Redis.
    pub redis: Option<Redis>,
    pub clock: Clock,
    pub worker: String,
    pub stop: CancellationToken,
}

impl HoldCloser {
    /// Closes ended holds every minute, until `stop` is cancelled.
    pub async fn run(self) {
        loop {
            tokio::select! {
                () = self.stop.cancelled() => return,
                () = sleep(EVERY) => {}
            }
            if !self.is_my_turn().await {
                continue;
            }
            let closed = tokio::select! {
                () = self.stop.cancelled() => return,
                closed = self.close_ended() => closed,
            };
            match closed {
                Ok(0) => {}
                Ok(users) => info!(users, "ended holds closed"),
                Err(error) => warn!(error = chain(&error), "ended holds not closed, retrying"),
            }
        }
    }

    async fn is_my_turn(&self) -> bool {
        match &self.redis {
            Some(redis) => redis.lock(LOCK, &self.worker, LOCK_DURATION).await != Some(false),
            None => true,
        }
    }

    /// Closes the holds that have ended by now. Returns the number of their users.
    ///
    /// Any command of a user closes them, so one that takes no batch by itself is enough: its
    /// cutoff is before every expiry.
    pub async fn close_ended(&self) -> Result<usize, CloseError> {
        let now = self.clock.confirmed().await?;
        let mut closed = 0;
        let mut cursor = None;
        loop {
            let page = read::users_with_ended_holds(&self.database, now, cursor.as_deref()).await?;
            closed += page.items.len();
            let commands = page.items.into_iter().map(|(_, user)| {
                let reference = format!("holds:{}:{user}", now.timestamp());
                Command::expire(reference, user, DateTime::UNIX_EPOCH)
            });
            stream::iter(commands)
                .for_each_concurrent(WINDOW, |command| async move {
                    request(&self.client, &command, ANSWER_TIMEOUT).await;
                })
                .await;
            cursor = page.next;
            if cursor.is_none() {
                return Ok(closed);
            }
        }
    }
}
