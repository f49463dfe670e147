//! Answers queries from committed state.

use std::{future::Future, time::Duration};

use chrono::{DateTime, Utc};
use producer_sdk::contract::{Answer, Query, Rejection, Reply};
use tracing::warn;

use crate::{
    clock::{Clock, ClockError},
    pipeline::{CommitError, chain},
};

/// The source of answers.
pub trait QueryHandler: Send + Sync + 'static {
    /// Answers one query.
    fn answer(
        &self,
        query: &Query,
        now: DateTime<Utc>,
    ) -> impl Future<Output = Result<Answer, CommitError>> + Send;
}

/// The reply to a query whose sender has used up its answer bytes.
pub fn too_many_queries(body: &[u8]) -> Reply {
    match Query::from_json(body) {
        Ok(query) => Reply::Answer(Answer::error(
            query.kind(),
            "too_many_queries",
            "this account exceeds its limit of answer bytes (senders.answer_bytes_per_second); \
             accounts that do not set `user_id` share one limit; retry later",
        )),
        Err(rejection) => Reply::Rejected(rejection),
    }
}

/// The reply to a message on the query queue: an answer or a rejection. The answer is an error if
/// there is none before `deadline` or the clock is wrong.
///
/// `check_sender` checks that the sender may send the query.
pub async fn answer<Q: QueryHandler>(
    handler: &Q,
    body: &[u8],
    check_sender: impl FnOnce(&Query) -> Result<(), Rejection>,
    clock: &Clock,
    deadline: Duration,
) -> Reply {
    let allowed = Query::from_json(body).and_then(|query| check_sender(&query).map(|()| query));
    let query = match allowed {
        Ok(query) => query,
        Err(rejection) => return Reply::Rejected(rejection),
    };
    let answered = async {
        let now = match clock.confirmed().await {
            Ok(now) => now,
            // Some queries are answered without the database.
            Err(ClockError::Unknown(_)) => clock.now(),
            Err(error) => return Err(chain(&error)),
        };
        let answer = handler.answer(&query, now).await;
        answer.map_err(|error| error.chain())
    };
    let error = match tokio::time::timeout(deadline, answered).await {
        Ok(Ok(answer)) => return Reply::Answer(answer),
        Ok(Err(error)) => error,
        Err(_) => format!("no answer within {deadline:?}"),
    };
    warn!(query = query.kind(), error, "query cannot be answered");
    Reply::Answer(Answer::error(
        query.kind(),
        "unavailable",
        "the ledger cannot be read now; retry later",
    ))
}
