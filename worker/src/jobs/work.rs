//! Sends the commands of a job.

use std::{
    collections::HashSet,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use chrono::{DateTime, Utc};
use futures_util::{Stream, StreamExt, TryStreamExt, stream};
use ledger::{Rules, Subscription};
use producer_sdk::{Client, Command, Outcome};
use tokio_util::sync::CancellationToken;

use super::request::request;
use crate::{
    db::Database,
    read::{self, DuePage, ReadError},
};

/// Largest number of unanswered commands.
pub const WINDOW: usize = 500;
/// Largest number of periods that one run grants to a subscription. Further periods stay due.
const MAX_PERIODS: usize = 120;

/// One finished item: the cursor behind it and the outcomes of its commands; `None` for a command
/// that was not answered.
pub type Done = (String, Vec<Option<Outcome>>);

/// Sends the commands of a run.
#[derive(Clone, Debug)]
pub struct Work {
    pub database: Database,
    pub rules: Arc<Rules>,
    pub client: Arc<Client>,
    /// How long one command waits for its outcome.
    pub answer_timeout: Duration,
    /// The end of the span that the run covers.
    pub until: DateTime<Utc>,
    /// The date of the run.
    pub date: String,
    /// After it is cancelled no further item is started. Answers to sent commands are still
    /// awaited.
    pub stop: CancellationToken,
}

impl Work {
    /// Grants the due periods behind `cursor`, in order. The periods of one subscription are
    /// granted one after the other.
    ///
    /// Each granted period moves its subscription forward in the order of due dates. So a
    /// subscription with several due periods may appear on a later page while it is in progress. It
    /// is skipped there.
    pub fn grant(self, cursor: Option<String>) -> impl Stream<Item = Result<Done, ReadError>> {
        let work = self.clone();
        let in_progress = InProgress::default();
        let known = in_progress.clone();
        let page = move |cursor: Option<String>| {
            let work = work.clone();
            let known = known.ids();
            async move {
                let due = read::due_subscriptions(
                    &work.database,
                    &work.rules,
                    work.until,
                    cursor.as_deref(),
                );
                let mut page = due.await?;
                page.items
                    .retain(|(_, subscription)| !known.contains(&subscription.id));
                Ok(page)
            }
        };
        items(cursor, page)
            .take_until(self.stop.clone().cancelled_owned())
            .map_ok(move |(cursor, subscription)| {
                let work = self.clone();
                let in_progress = in_progress.clone();
                in_progress.begin(&subscription.id);
                async move {
                    let outcomes = work.grant_one(&subscription).await;
                    in_progress.end(&subscription.id);
                    Ok((cursor, outcomes))
                }
            })
            .try_buffered(WINDOW)
    }

    async fn grant_one(&self, subscription: &Subscription) -> Vec<Option<Outcome>> {
        let mut outcomes = Vec::new();
        let due = subscription.due_periods(&self.rules, self.until);
        // Periods of a disabled plan stay due. Those of an unknown plan are sent, so that the run
        // counts their failure.
        let is_disabled = |plan: &str| self.rules.plans.get(plan).is_some_and(|plan| !plan.enabled);
        let granted = due
            .iter()
            .filter(|due| !is_disabled(&due.plan))
            .take(MAX_PERIODS);
        for due in granted {
            let start = due.period.start;
            let command = Command::monthly_grant(&subscription.user_id, &subscription.id, start);
            let outcome = request(&self.client, &command, self.answer_timeout).await;
            let is_answered = outcome.is_some();
            outcomes.push(outcome);
            if !is_answered || self.stop.is_cancelled() {
                break;
            }
        }
        outcomes
    }

    /// Expires the batches behind `cursor`, with one command per user.
    pub fn expire(self, cursor: Option<String>) -> impl Stream<Item = Result<Done, ReadError>> {
        let work = self.clone();
        let cutoff = self
            .until
            .checked_sub_signed(self.rules.max_lateness)
            .unwrap_or(DateTime::UNIX_EPOCH);
        let page = move |cursor: Option<String>| {
            let work = work.clone();
            async move {
                read::users_with_expired_batches(&work.database, cutoff, cursor.as_deref()).await
            }
        };
        items(cursor, page)
            .take_until(self.stop.clone().cancelled_owned())
            .map_ok(move |(cursor, user)| {
                let work = self.clone();
                async move {
                    let reference = format!("expire:{}:{user}", work.date);
                    let command = Command::expire(reference, &user, cutoff);
                    let outcome = request(&work.client, &command, work.answer_timeout).await;
                    Ok((cursor, vec![outcome]))
                }
            })
            .try_buffered(WINDOW)
    }
}

/// The subscriptions in progress, at most [`WINDOW`].
#[derive(Clone, Default)]
struct InProgress(Arc<Mutex<HashSet<String>>>);

impl InProgress {
    fn begin(&self, id: &str) {
        self.lock().insert(id.to_owned());
    }

    fn end(&self, id: &str) {
        self.lock().remove(id);
    }

    fn ids(&self) -> HashSet<String> {
        self.lock().clone()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashSet<String>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Every item on the pages behind `cursor`. A page is read when the previous page is used up.
fn items<T, F>(
    cursor: Option<String>,
    page: impl Fn(Option<String>) -> F,
) -> impl Stream<Item = Result<(String, T), ReadError>>
where
    F: Future<Output = Result<DuePage<T>, ReadError>>,
{
    let read = move |from: Option<Option<String>>| {
        let page = from.map(&page);
        async move {
            let Some(page) = page else { return Ok(None) };
            let DuePage { items, next } = page.await?;
            let items = stream::iter(items.into_iter().map(Ok));
            Ok(Some((items, next.map(Some))))
        }
    };
    stream::try_unfold(Some(cursor), read).try_flatten()
}
