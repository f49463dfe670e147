//! Requests on a channel, each with a time limit.
//!
//! A broker may receive a request and never answer it. The connection stays open, with its
//! heartbeats and its other channels, and the library waits forever. RabbitMQ 3.10 does this when
//! the named queue has no leader.

use std::time::Duration;

use futures_util::{StreamExt, stream::FuturesUnordered};
use lapin::Channel;
use tokio::time::timeout;

use super::error::AmqpError;

/// Time limit of a request.
const ANSWER_WITHIN: Duration = Duration::from_secs(10);
/// Time limit of a request whose duration depends on an amount: bindings, messages to delete, or
/// dead letters that the broker delivers first over the same channel.
const MANY_WITHIN: Duration = Duration::from_mins(1);

/// The next request is made when the last one has no answer after this time.
const NEXT_AFTER: Duration = Duration::from_millis(500);

/// Makes requests one after the other. Those without an answer do not hold up the others.
pub(super) async fn one_by_one<T>(
    requests: impl IntoIterator<Item = impl Future<Output = T>>,
) -> Vec<T> {
    let mut requests = requests.into_iter();
    let (mut pending, mut answers) = (FuturesUnordered::new(), Vec::new());
    loop {
        let next = requests.next();
        let is_last = next.is_none();
        pending.extend(next);
        let answer = if is_last {
            pending.next().await
        } else {
            match timeout(NEXT_AFTER, pending.next()).await {
                Ok(answer) => answer,
                Err(_) => continue,
            }
        };
        match answer {
            Some(answer) => answers.push(answer),
            None => return answers,
        }
    }
}

/// Waits for the answer to one request.
pub(super) async fn answered<T>(
    doing: &'static str,
    request: impl Future<Output = lapin::Result<T>>,
) -> Result<T, AmqpError> {
    within(ANSWER_WITHIN, doing, request).await
}

/// Like [`answered`], for a request that may take long.
pub(super) async fn answered_slowly<T>(
    doing: &'static str,
    request: impl Future<Output = lapin::Result<T>>,
) -> Result<T, AmqpError> {
    within(MANY_WITHIN, doing, request).await
}

/// Closes a channel, if it is open.
pub(super) async fn close_channel(channel: &Channel) {
    // If this fails, the channel is closed already, or its connection closes it.
    let _ = answered("closing a channel", channel.close(200, "bye".into())).await;
}

async fn within<T>(
    limit: Duration,
    doing: &'static str,
    request: impl Future<Output = lapin::Result<T>>,
) -> Result<T, AmqpError> {
    match timeout(limit, request).await {
        Ok(answer) => answer.map_err(AmqpError::doing(doing)),
        Err(_) => Err(AmqpError::NoAnswer {
            doing,
            within: limit,
        }),
    }
}

#[cfg(test)]
mod tests {
    use std::future::pending;

    use super::*;

    #[tokio::test]
    async fn requests_without_an_answer_do_not_hold_up_the_others() {
        let answers = one_by_one((0..4).map(|number| async move {
            if number % 2 == 0 {
                // As many as never end, for this test.
                let _ = timeout(Duration::from_secs(2), pending::<()>()).await;
            }
            number
        }));
        assert_eq!(answers.await, [1, 3, 0, 2]);
        assert_eq!(one_by_one((0..0).map(|_| async {})).await, []);
    }

    #[tokio::test]
    async fn the_next_request_waits_for_the_answer_to_the_last_one() {
        let last = std::cell::Cell::new(0);
        let answers = one_by_one((1..5).map(|number| {
            let last = &last;
            async move {
                assert_eq!(last.get(), number - 1);
                tokio::task::yield_now().await;
                last.set(number);
            }
        }));
        assert_eq!(answers.await.len(), 4);
    }
}
