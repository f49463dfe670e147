//! Limits the bytes of waiting replies.

use std::sync::Arc;

use producer_sdk::amqp::Outgoing;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// The bytes of replies that may wait to be sent.
#[derive(Clone, Debug)]
pub struct ByteBudget {
    bytes: Arc<Semaphore>,
    all: u32,
}

/// A reply that waits to be sent. It holds its bytes of the budget until it is dropped.
#[derive(Debug)]
pub struct Waiting {
    /// The reply.
    pub reply: Outgoing,
    _permit: OwnedSemaphorePermit,
}

impl ByteBudget {
    /// A budget of `bytes`.
    pub fn new(bytes: u32) -> Self {
        Self {
            bytes: Arc::new(Semaphore::new(bytes as usize)),
            all: bytes,
        }
    }

    /// Takes the bytes of a reply; `None` if they are not available. A reply larger than the whole
    /// budget takes all of it.
    pub fn take(&self, reply: Outgoing) -> Option<Waiting> {
        let size = u32::try_from(reply.body.len())
            .unwrap_or(u32::MAX)
            .min(self.all);
        let permit = self.bytes.clone().try_acquire_many_owned(size).ok()?;
        Some(Waiting {
            reply,
            _permit: permit,
        })
    }
}

#[cfg(test)]
mod tests {
    use lapin::BasicProperties;

    use super::*;

    fn reply(bytes: usize) -> Outgoing {
        Outgoing {
            exchange: "".into(),
            routing_key: "amq.gen-1".into(),
            properties: BasicProperties::default(),
            body: vec![b' '; bytes],
        }
    }

    #[test]
    fn replies_wait_while_the_budget_lasts_and_a_larger_reply_takes_all_of_it() {
        let budget = ByteBudget::new(1_000);
        let first = budget.take(reply(600)).unwrap();
        assert!(budget.take(reply(401)).is_none());
        let second = budget.take(reply(400)).unwrap();
        assert!(budget.take(reply(1)).is_none());
        drop(first);
        assert!(budget.take(reply(5_000)).is_none());
        drop(second);
        let large = budget.take(reply(5_000)).unwrap();
        assert!(budget.take(reply(1)).is_none());
        drop(large);
        assert!(budget.take(reply(1_000)).is_some());
    }
}
