//! How many may be under way at once, and what to do when that many are.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

use crate::error::{Error, Result};
use crate::options::{Options, WhenFull};

/// A bounded number of places, given out in the order they were asked for. Clones share them.
#[derive(Debug, Clone)]
pub(crate) struct Window {
    places: Arc<Semaphore>,
    when_full: WhenFull,
}

/// A place, given back when dropped.
pub(crate) type Place = OwnedSemaphorePermit;

impl Window {
    pub(crate) fn new(options: &Options) -> Self {
        let size = options.window.clamp(1, Semaphore::MAX_PERMITS);
        Self {
            places: Arc::new(Semaphore::new(size)),
            when_full: options.when_full,
        }
    }

    pub(crate) async fn enter(&self) -> Result<Place> {
        let place = Arc::clone(&self.places).acquire_owned();
        match self.when_full {
            WhenFull::Block => place.await,
            WhenFull::Timeout(limit) => timeout(limit, place)
                .await
                .map_err(|_| Error::WindowFull(limit))?,
        }
        .map_err(|_| Error::Closed)
    }

    /// Nobody enters any more; who waits is turned away.
    pub(crate) fn close(&self) {
        self.places.close();
    }
}
