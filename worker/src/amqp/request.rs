//! Requests on a channel, each with a time limit.
//!
//! A broker may take a request and never answer it: the connection stands, with its heartbeats and its other channels, and
//! the library waits for ever. RabbitMQ 3.10 does so when the queue that is named has no leader.

use std::time::Duration;

use lapin::Channel;
use tokio::time::timeout;

use super::AmqpError;

/// Within this time the broker answers a request.
const ANSWER_WITHIN: Duration = Duration::from_secs(10);
/// The same for requests that take as long as there is much of something: bindings, messages to delete, or letters that the
/// broker delivers first over the same channel.
const MANY_WITHIN: Duration = Duration::from_mins(1);

/// Waits for the answer to one request.
pub(super) async fn answered<T>(
    doing: &'static str,
    request: impl Future<Output = lapin::Result<T>>,
) -> Result<T, AmqpError> {
    within(ANSWER_WITHIN, doing, request).await
}

/// The same for a request that may take long.
pub(super) async fn answered_slowly<T>(
    doing: &'static str,
    request: impl Future<Output = lapin::Result<T>>,
) -> Result<T, AmqpError> {
    within(MANY_WITHIN, doing, request).await
}

/// Closes a channel, if it still is one.
pub(super) async fn leave(channel: &Channel) {
    // When this fails the channel is gone already, or goes with its connection.
    let _ = answered("closing a channel", channel.close(200, "bye".into())).await;
}

async fn within<T>(
    limit: Duration,
    doing: &'static str,
    request: impl Future<Output = lapin::Result<T>>,
) -> Result<T, AmqpError> {
    match timeout(limit, request).await {
        Ok(answer) => answer.map_err(AmqpError::doing(doing)),
        Err(_) => Err(AmqpError::NoAnswer { doing, within: limit }),
    }
}
