//! The window: a limit on the number of messages or requests that are in progress at once.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

use crate::error::{Error, Result};
use crate::options::{Options, WhenFull};

/// A bounded number of permits, given out in the order of the calls. Clones share them.
#[derive(Debug, Clone)]
pub(crate) struct Window {
    permits: Arc<Semaphore>,
    when_full: WhenFull,
}

/// A permit for one message or request. Dropping it frees the permit.
pub(crate) type Permit = OwnedSemaphorePermit;

impl Window {
    pub(crate) fn new(options: &Options) -> Self {
        let size = options.window.clamp(1, Semaphore::MAX_PERMITS);
        Self {
            permits: Arc::new(Semaphore::new(size)),
            when_full: options.when_full,
        }
    }

    pub(crate) async fn enter(&self) -> Result<Permit> {
        let permit = Arc::clone(&self.permits).acquire_owned();
        match self.when_full {
            WhenFull::Block => permit.await,
            WhenFull::Timeout(limit) => timeout(limit, permit)
                .await
                .map_err(|_| Error::WindowFull(limit))?,
        }
        .map_err(|_| Error::Closed)
    }

    /// Closes the window. Waiting and later calls of `enter` return an error.
    pub(crate) fn close(&self) {
        self.permits.close();
    }
}
