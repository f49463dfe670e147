//! The window: a limit on the number of messages or requests that are in progress at once.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

use crate::error::{Error, Result};
use crate::options::{Options, WhenFull};

/// A bounded number of permits, given out in the order of the calls. Clones share them.
#[derive(Debug, Clone)]
pub(crate) struct Window {
    permits: Arc<Semaphore>,
    size: usize,
    when_full: WhenFull,
}

/// A permit for one message or request. Dropping it frees the permit.
pub(crate) type Permit = OwnedSemaphorePermit;

impl Window {
    pub(crate) fn new(options: &Options) -> Self {
        let size = options.window.clamp(1, Semaphore::MAX_PERMITS);
        Self {
            permits: Arc::new(Semaphore::new(size)),
            size,
            when_full: options.when_full,
        }
    }

    /// Permits for several messages at once: all get one, or none. More than the window has fail.
    pub(crate) async fn enter_all(&self, count: usize) -> Result<Vec<Permit>> {
        let wanted = u32::try_from(count).ok().filter(|_| count <= self.size);
        let wanted = wanted.ok_or(Error::WindowFull(Duration::ZERO))?;
        let permits = Arc::clone(&self.permits).acquire_many_owned(wanted);
        let mut permits = match self.when_full {
            WhenFull::Block => permits.await,
            WhenFull::Timeout(limit) => timeout(limit, permits)
                .await
                .map_err(|_| Error::WindowFull(limit))?,
        }
        .map_err(|_| Error::Closed)?;
        Ok((0..count).map_while(|_| permits.split(1)).collect())
    }

    /// Closes the window. Waiting and later calls of `enter` return an error.
    pub(crate) fn close(&self) {
        self.permits.close();
    }
}
