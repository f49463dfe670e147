//! Decides whether a rejected message is kept as a dead letter.
//!
//! An app can send any number of invalid messages. Each is answered and logged. If all of them were
//! kept, they would fill the dead-letter queue, and a lane waits until the broker has accepted its
//! dead letters. So rejections from the usage exchange use only a part of the queue. Payments and
//! poison commands are always kept.

use std::sync::atomic::{
    AtomicBool, AtomicU64,
    Ordering::{Relaxed, SeqCst},
};

use lapin::BasicProperties;
use producer_sdk::contract::{Origin, headers};
use tracing::{error, info};

use super::incoming::{Ticket, header};
use crate::pipeline::{Dead, Delivery, LabeledCounter};

/// Rejections are kept while fewer dead letters than this wait. At 66 KB per dead letter that is
/// two thirds of the bytes and a tenth of the messages that the policy of the queue allows.
const MAX_DEAD_LETTERS: u64 = 10_000;
const TOO_MANY_DEAD_LETTERS: &str = "too_many_letters";
const OWN_REPLY: &str = "own_reply";

/// Counts the waiting dead letters, as far as this worker knows, and the rejections that are not
/// kept because of them.
#[derive(Debug)]
pub struct Rejections {
    /// Number of dead letters when the depth of the queue was last read.
    waiting: AtomicU64,
    /// Number of rejections that were kept since then.
    added: AtomicU64,
    is_full: AtomicBool,
    discarded: LabeledCounter,
}

impl Default for Rejections {
    fn default() -> Self {
        Self {
            waiting: AtomicU64::default(),
            added: AtomicU64::default(),
            is_full: AtomicBool::default(),
            discarded: LabeledCounter::new([TOO_MANY_DEAD_LETTERS, OWN_REPLY].map(Into::into)),
        }
    }
}

impl Rejections {
    /// Stores how many dead letters wait.
    pub fn set_waiting(&self, waiting: u64) {
        self.added.store(0, SeqCst);
        self.waiting.store(waiting, SeqCst);
        if waiting < MAX_DEAD_LETTERS && self.is_full.swap(false, SeqCst) {
            info!(
                dead_letters = waiting,
                "rejected usage messages are kept again"
            );
        }
    }

    /// Whether a message is kept as a dead letter. Discarded messages are counted.
    pub fn keeps(&self, delivery: &Delivery<Ticket>, dead: &Dead) -> bool {
        if !dead.is_rejection || delivery.origin != Some(Origin::Usage) {
            return true;
        }
        if is_reply(&delivery.ticket.properties) {
            self.discarded.add(OWN_REPLY.into());
            return false;
        }
        let dead_letters = self.waiting.load(Relaxed) + self.added.fetch_add(1, SeqCst);
        if dead_letters < MAX_DEAD_LETTERS {
            return true;
        }
        self.discarded.add(TOO_MANY_DEAD_LETTERS.into());
        if !self.is_full.swap(true, SeqCst) {
            error!(
                alarm = true,
                dead_letters,
                "too many dead letters wait, rejected usage messages are logged and not kept"
            );
        }
        false
    }

    /// Rejected messages that were not kept, by reason. Every reason is present from the start.
    pub const fn discarded(&self) -> &LabeledCounter {
        &self.discarded
    }
}

/// Whether the message is a reply of a worker: an app can configure its reply queue so that it
/// dead-letters into the usage exchange.
fn is_reply(properties: &BasicProperties) -> bool {
    header(properties, headers::REPLY).is_some()
}
