//! The promise of a confirm.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::sync::oneshot;

use crate::error::{Error, Result};

/// Resolves when the message is safe (confirmed by the broker, committed to the file) or certainly is not.
/// Dropping it only means not to be told.
#[derive(Debug)]
#[must_use = "only the handle tells whether the message arrived"]
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
