//! What each job does between claiming its run and finishing it.

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

use super::asking::ask;
use crate::{
    read::{self, DuePage, ReadError},
    store::Store,
};

/// Commands that are unanswered at most.
pub const WINDOW: usize = 500;
/// Periods of one subscription in one run; more stay due.
const MOST_PERIODS: usize = 120;

/// One thing done: the cursor behind it, and what became of its commands; `None` for one that was not answered.
pub type Done = (String, Vec<Option<Outcome>>);

/// What the work needs.
#[derive(Clone, Debug)]
pub struct Work {
    pub store: Store,
    pub rules: Arc<Rules>,
    pub client: Arc<Client>,
    /// How long one answer is waited for.
    pub patience: Duration,
    /// Up to where it looks.
    pub until: DateTime<Utc>,
    /// The date of the run.
    pub date: String,
    /// Nothing more is begun once this says so; what was asked is still waited for.
    pub stop: CancellationToken,
}

impl Work {
    /// Grants what is due behind `cursor`, in order; the periods of one subscription one after the other.
    ///
    /// A subscription moves on in the order of what is due with every period that is granted, so one of which several
    /// periods are due may turn up on a later page while it is at work. It is left out there.
    pub fn grant(self, cursor: Option<String>) -> impl Stream<Item = Result<Done, ReadError>> {
        let work = self.clone();
        let at_work = AtWork::default();
        let known = at_work.clone();
        let page = move |cursor: Option<String>| {
            let work = work.clone();
            let known = known.all();
            async move {
                let due = read::due_subscriptions(&work.store, &work.rules, work.until, cursor.as_deref());
                let mut page = due.await?;
                page.items
                    .retain(|(_, subscription)| !known.contains(&subscription.id));
                Ok(page)
            }
        };
        all(cursor, page)
            .take_until(self.stop.clone().cancelled_owned())
            .map_ok(move |(cursor, subscription)| {
                let work = self.clone();
                let at_work = at_work.clone();
                at_work.begin(&subscription.id);
                async move {
                    let outcomes = work.grant_one(&subscription).await;
                    at_work.end(&subscription.id);
                    Ok((cursor, outcomes))
                }
            })
            .try_buffered(WINDOW)
    }

    async fn grant_one(&self, subscription: &Subscription) -> Vec<Option<Outcome>> {
        let mut outcomes = Vec::new();
        let due = subscription.due_periods(&self.rules, self.until);
        // Periods of a disabled plan stay due; those of an unknown one are asked for, so that the run counts them.
        let is_disabled = |plan: &str| self.rules.plans.get(plan).is_some_and(|plan| !plan.enabled);
        let asked = due
            .iter()
            .filter(|due| !is_disabled(&due.plan))
            .take(MOST_PERIODS);
        for due in asked {
            let start = due.period.start;
            let command = Command::monthly_grant(&subscription.user_id, &subscription.id, start);
            let outcome = ask(&self.client, &command, self.patience).await;
            let is_answered = outcome.is_some();
            outcomes.push(outcome);
            if !is_answered || self.stop.is_cancelled() {
                break;
            }
        }
        outcomes
    }

    /// Sweeps what lapsed behind `cursor`, a command a user.
    pub fn expire(self, cursor: Option<String>) -> impl Stream<Item = Result<Done, ReadError>> {
        let work = self.clone();
        let cutoff = self
            .until
            .checked_sub_signed(self.rules.max_lateness)
            .unwrap_or(DateTime::UNIX_EPOCH);
        let page = move |cursor: Option<String>| {
            let work = work.clone();
            async move { read::lapsed_users(&work.store, cutoff, cursor.as_deref()).await }
        };
        all(cursor, page)
            .take_until(self.stop.clone().cancelled_owned())
            .map_ok(move |(cursor, user)| {
                let work = self.clone();
                async move {
                    let reference = format!("expire:{}:{user}", work.date);
                    let command = Command::expire(reference, &user, cutoff);
                    Ok((cursor, vec![ask(&work.client, &command, work.patience).await]))
                }
            })
            .try_buffered(WINDOW)
    }
}

/// The subscriptions that are being granted now, at most [`WINDOW`].
#[derive(Clone, Default)]
struct AtWork(Arc<Mutex<HashSet<String>>>);

impl AtWork {
    fn begin(&self, id: &str) {
        self.lock().insert(id.to_owned());
    }

    fn end(&self, id: &str) {
        self.lock().remove(id);
    }

    fn all(&self) -> HashSet<String> {
        self.lock().clone()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashSet<String>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Everything on all pages behind `cursor`. A page is read when the one before it is used up.
fn all<T, F>(
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
