//! The handle of an enqueued message.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::sync::oneshot;

use crate::error::{Error, Result};

/// A future that resolves when the message is safe, that is, confirmed by the broker or committed
/// to the file, or when it has failed for good.
///
/// Dropping the handle does not cancel the message. Only its result is lost.
#[derive(Debug)]
#[must_use = "only the handle shows whether the message arrived"]
pub struct PublishHandle(oneshot::Receiver<Result<()>>);

impl PublishHandle {
    pub(crate) fn new(result: oneshot::Receiver<Result<()>>) -> Self {
        Self(result)
    }
}

impl Future for PublishHandle {
    type Output = Result<()>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.0)
            .poll(context)
            .map(|result| result.unwrap_or(Err(Error::Closed)))
    }
}
