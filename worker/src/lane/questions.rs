//! Answering queries, from committed state.

use std::{future::Future, time::Duration};

use chrono::{DateTime, Utc};
use producer_sdk::contract::{Answer, Query, Rejection, Reply};
use tracing::warn;

use super::{Trouble, chain};
use crate::clock::{Clock, ClockError};

/// Where the answers come from.
pub trait Questions: Send + Sync + 'static {
    /// Answers one query.
    fn answer(
        &self,
        query: &Query,
        now: DateTime<Utc>,
    ) -> impl Future<Output = Result<Answer, Trouble>> + Send;
}

/// What to reply to a query whose sender had its share of answers.
pub fn too_many_queries(body: &[u8]) -> Reply {
    match Query::from_json(body) {
        Ok(query) => Reply::Answer(Answer::error(
            query.kind(),
            "too_many_queries",
            "this account gets more bytes of answers than it may (senders.answer_bytes_per_second); accounts that \
             do not name themselves by `user_id` share one limit; ask again later",
        )),
        Err(rejection) => Reply::Rejected(rejection),
    }
}

/// What to reply to a message on the query queue: the answer, a rejection, or that there is none in time, or none while
/// the clock is wrong.
///
/// `may_ask` says whether the sender may ask it.
pub async fn answer<Q: Questions>(
    questions: &Q,
    body: &[u8],
    may_ask: impl FnOnce(&Query) -> Result<(), Rejection>,
    clock: &Clock,
    deadline: Duration,
) -> Reply {
    let allowed = Query::from_json(body).and_then(|query| may_ask(&query).map(|()| query));
    let query = match allowed {
        Ok(query) => query,
        Err(rejection) => return Reply::Rejected(rejection),
    };
    let answered = async {
        let now = match clock.confirmed().await {
            Ok(now) => now,
            // Much can be answered without the database.
            Err(ClockError::Unknown(_)) => clock.now(),
            Err(error) => return Err(chain(&error)),
        };
        let answer = questions.answer(&query, now).await;
        answer.map_err(|trouble| trouble.chain())
    };
    let error = match tokio::time::timeout(deadline, answered).await {
        Ok(Ok(answer)) => return Reply::Answer(answer),
        Ok(Err(error)) => error,
        Err(_) => format!("no answer within {deadline:?}"),
    };
    warn!(query = query.kind(), error, "a query cannot be answered");
    Reply::Answer(Answer::error(
        query.kind(),
        "unavailable",
        "the ledger cannot be read now; ask again later",
    ))
}
