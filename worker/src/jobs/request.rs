//! Sends one command and retries it until there is an outcome.

use std::time::Duration;

use producer_sdk::{Client, Command, Outcome, Query};
use tokio::time::sleep;
use tracing::warn;

use crate::pipeline::chain;

/// How long one command waits for its outcome. Tests use a shorter time.
pub const ANSWER_TIMEOUT: Duration = Duration::from_mins(1);
/// Error code of a worker that cannot reach its database.
const UNAVAILABLE: &str = "unavailable";
/// Timeout of the query that checks whether any worker answers.
const LIVENESS_TIMEOUT: Duration = Duration::from_secs(5);
/// Attempts for a command while other requests are answered: its reply may be lost.
const MAX_ATTEMPTS: u32 = 2;

/// Sends a command and waits for its outcome. If no request is answered at all (the broker, the
/// database or all workers are unavailable), it retries without limit. `None`: the command was
/// rejected, or it is the only request without an answer. The log names it.
pub async fn request(client: &Client, command: &Command, timeout: Duration) -> Option<Outcome> {
    let mut attempts = 0;
    loop {
        let error = match client.send_within(command, timeout).await {
            Ok(outcome) => return Some(outcome),
            Err(error) => error,
        };
        let liveness_timeout = LIVENESS_TIMEOUT.min(timeout);
        if !error.is_rejected()
            && !error.is_closed()
            && !is_alive(client, &command.user_id, liveness_timeout).await
        {
            sleep(liveness_timeout).await;
            continue;
        }
        attempts += 1;
        if attempts >= MAX_ATTEMPTS || !error.is_timeout() {
            warn!(
                user.id = command.user_id,
                reference.id = command.reference_id,
                error = chain(&error),
                "job command got no answer, continuing without it"
            );
            return None;
        }
    }
}

/// Whether a worker answers that reaches its database. The query is one that only the database
/// answers.
async fn is_alive(client: &Client, user_id: &str, within: Duration) -> bool {
    let query = Query::Batches {
        user_id: user_id.to_owned(),
        all: false,
    };
    let answer = client.query_within(&query, within).await;
    answer.is_ok_and(|answer| {
        answer
            .result
            .err()
            .is_none_or(|error| error.code != UNAVAILABLE)
    })
}
