//! Requests on a channel, each with a time limit.
//!
//! A broker may receive a request and never answer it. The connection stays open, with its
//! heartbeats and its other channels, and the library waits forever. RabbitMQ 3.10 does this when
//! the named queue has no leader.

use std::time::Duration;

use lapin::Channel;
use tokio::time::timeout;

use super::error::AmqpError;

/// Time limit of a request.
const ANSWER_WITHIN: Duration = Duration::from_secs(10);
/// Time limit of a request whose duration depends on an amount: bindings, messages to delete, or
/// dead letters that the broker delivers first over the same channel.
const MANY_WITHIN: Duration = Duration::from_mins(1);

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
