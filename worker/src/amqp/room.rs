//! Room for the bytes of what waits.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::outgoing::Outgoing;

/// How many bytes of replies may wait to be sent.
#[derive(Clone, Debug)]
pub struct Room {
    bytes: Arc<Semaphore>,
    all: u32,
}

/// A reply that waits to be sent, and has room until it is dropped.
#[derive(Debug)]
pub struct Waiting {
    /// The reply.
    pub reply: Outgoing,
    _room: OwnedSemaphorePermit,
}

impl Room {
    /// Room for so many bytes.
    pub fn of(bytes: u32) -> Self {
        Self {
            bytes: Arc::new(Semaphore::new(bytes as usize)),
            all: bytes,
        }
    }

    /// Room for a reply, if there is any; one that is larger than all there is has to be alone.
    pub fn take(&self, reply: Outgoing) -> Option<Waiting> {
        let size = u32::try_from(reply.body.len()).unwrap_or(u32::MAX).min(self.all);
        let room = self.bytes.clone().try_acquire_many_owned(size).ok()?;
        Some(Waiting { reply, _room: room })
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
    fn replies_wait_while_there_is_room_for_their_bytes_and_a_larger_one_alone() {
        let room = Room::of(1_000);
        let first = room.take(reply(600)).unwrap();
        assert!(room.take(reply(401)).is_none());
        let second = room.take(reply(400)).unwrap();
        assert!(room.take(reply(1)).is_none());
        drop(first);
        assert!(room.take(reply(5_000)).is_none());
        drop(second);
        let large = room.take(reply(5_000)).unwrap();
        assert!(room.take(reply(1)).is_none());
        drop(large);
        assert!(room.take(reply(1_000)).is_some());
    }
}
