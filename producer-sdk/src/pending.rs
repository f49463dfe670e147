//! Who waits for which reply.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{Notify, oneshot};
use tracing::debug;

/// Open questions by correlation id. No larger than the client's window: an entry lives as long as its [`Waiting`].
#[derive(Debug, Default)]
pub(crate) struct Pending {
    open: Mutex<HashMap<String, oneshot::Sender<Vec<u8>>>>,
    asked: Notify,
}

impl Pending {
    fn lock(&self) -> MutexGuard<'_, HashMap<String, oneshot::Sender<Vec<u8>>>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn wait_for(self: &Arc<Self>, correlation_id: String) -> Waiting {
        let (reply, receiver) = oneshot::channel();
        self.lock().insert(correlation_id.clone(), reply);
        self.asked.notify_one();
        Waiting {
            pending: Arc::clone(self),
            correlation_id,
            reply: receiver,
        }
    }

    pub(crate) fn deliver(&self, correlation_id: &str, body: Vec<u8>) {
        if let Some(reply) = self.lock().remove(correlation_id) {
            // The caller may have given up this very moment.
            let _ = reply.send(body);
        } else {
            debug!("a reply came that nobody waits for any more");
        }
    }

    /// Until there is an open question.
    #[cfg(feature = "embedded")]
    pub(crate) async fn asked(&self) {
        while self.lock().is_empty() {
            self.asked.notified().await;
        }
    }
}

/// An open question, withdrawn when dropped.
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
