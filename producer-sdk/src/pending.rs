//! Open requests that wait for their replies.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{Notify, oneshot};
use tracing::debug;

/// Open requests by correlation id. Their number is limited by the client's window, because an
/// entry lives as long as its [`Waiting`].
#[derive(Debug, Default)]
pub(crate) struct Pending {
    open: Mutex<HashMap<String, oneshot::Sender<Vec<u8>>>>,
    added: Notify,
}

impl Pending {
    fn lock(&self) -> MutexGuard<'_, HashMap<String, oneshot::Sender<Vec<u8>>>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn wait_for(self: &Arc<Self>, correlation_id: String) -> Waiting {
        let (reply, receiver) = oneshot::channel();
        self.lock().insert(correlation_id.clone(), reply);
        self.added.notify_one();
        Waiting {
            pending: Arc::clone(self),
            correlation_id,
            reply: receiver,
        }
    }

    pub(crate) fn deliver(&self, correlation_id: &str, body: Vec<u8>) {
        if let Some(reply) = self.lock().remove(correlation_id) {
            // The caller may have given up at this moment.
            let _ = reply.send(body);
        } else {
            debug!("reply without an open request ignored");
        }
    }

    /// Waits until there is an open request.
    #[cfg(feature = "embedded")]
    pub(crate) async fn wait_for_request(&self) {
        while self.lock().is_empty() {
            self.added.notified().await;
        }
    }
}

/// An open request. Dropping it removes it from the open requests.
pub(crate) struct Waiting {
    pending: Arc<Pending>,
    correlation_id: String,
    pub(crate) reply: oneshot::Receiver<Vec<u8>>,
}

impl Drop for Waiting {
    fn drop(&mut self) {
        self.pending.lock().remove(&self.correlation_id);
    }
}
