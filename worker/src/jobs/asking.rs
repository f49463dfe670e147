//! One command, asked until it is answered.

use std::time::Duration;

use producer_sdk::{Client, Command, Outcome, Query};
use tokio::time::sleep;
use tracing::warn;

use crate::lane::chain;

/// How long one answer is waited for, unless a test has no time.
pub const PATIENCE: Duration = Duration::from_mins(1);
/// What a worker answers that cannot reach its database.
const UNAVAILABLE: &str = "unavailable";
/// How long it may take to find out whether anybody answers at all.
const SIGN_OF_LIFE: Duration = Duration::from_secs(5);
/// How often a command is asked while others are answered: a reply may get lost.
const TIMES: u32 = 2;

/// Sends a command and waits for its outcome. While nobody answers anything (broker, database or all workers are away) it
/// waits. `None`: it was rejected, or it is the only one that is not answered; it is named in the log.
pub async fn ask(client: &Client, command: &Command, patience: Duration) -> Option<Outcome> {
    let mut times = 0;
    loop {
        let error = match client.send_within(command, patience).await {
            Ok(outcome) => return Some(outcome),
            Err(error) => error,
        };
        let sign_of_life = SIGN_OF_LIFE.min(patience);
        if !error.is_rejected()
            && !error.is_closed()
            && !is_alive(client, &command.user_id, sign_of_life).await
        {
            sleep(sign_of_life).await;
            continue;
        }
        times += 1;
        if times >= TIMES || !error.is_timeout() {
            warn!(
                user.id = command.user_id,
                reference.id = command.reference_id,
                error = chain(&error),
                "a job gets no answer for one command and goes on without it"
            );
            return None;
        }
    }
}

/// Whether a worker answers that reaches its database. Asked is what is never answered from anywhere else.
async fn is_alive(client: &Client, user_id: &str, within: Duration) -> bool {
    let query = Query::Batches {
        user_id: user_id.to_owned(),
        all: false,
    };
    let answer = client.query_within(&query, within).await;
    answer.is_ok_and(|answer| answer.result.err().is_none_or(|error| error.code != UNAVAILABLE))
}
