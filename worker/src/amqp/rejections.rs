//! Decides whether a rejected message is kept as a dead letter.
//!
//! An app can send any number of messages that are no commands. Each is answered and logged; if all of them were kept, they
//! would fill the dead-letter queue, and a lane waits until the broker has taken its letters. So rejections that came through the
//! usage exchange take up only a part of the queue. Payments and poisonous commands are always kept.

use std::sync::atomic::{
    AtomicBool, AtomicU64,
    Ordering::{Relaxed, SeqCst},
};

use lapin::BasicProperties;
use producer_sdk::contract::{Door, headers};
use tracing::{error, info};

use super::incoming::{Ticket, header};
use crate::lane::{ByName, Dead, Delivery};

/// Rejections are kept while fewer dead letters than this wait. At 66 KB a letter that is two thirds of the bytes that the
/// policy of the queue allows, and a tenth of the letters.
const MOST_LETTERS: u64 = 10_000;
const TOO_MANY_LETTERS: &str = "too_many_letters";
const OWN_REPLY: &str = "own_reply";

/// The dead letters that wait, as far as this worker knows, and the rejections that are not kept because of them.
#[derive(Debug)]
pub struct Rejections {
    /// Dead letters when the queue was looked at last.
    waiting: AtomicU64,
    /// Rejections that were kept since then.
    added: AtomicU64,
    is_full: AtomicBool,
    discarded: ByName,
}

impl Default for Rejections {
    fn default() -> Self {
        Self {
            waiting: AtomicU64::default(),
            added: AtomicU64::default(),
            is_full: AtomicBool::default(),
            discarded: ByName::of([TOO_MANY_LETTERS, OWN_REPLY].map(Into::into)),
        }
    }
}

impl Rejections {
    /// Notes how many dead letters wait.
    pub fn looked(&self, waiting: u64) {
        self.added.store(0, SeqCst);
        self.waiting.store(waiting, SeqCst);
        if waiting < MOST_LETTERS && self.is_full.swap(false, SeqCst) {
            info!(letters = waiting, "rejected usage messages are kept again");
        }
    }

    /// Whether a message becomes a dead letter. Those that do not are counted.
    pub fn keeps(&self, delivery: &Delivery<Ticket>, dead: &Dead) -> bool {
        if !dead.is_rejection || delivery.door != Some(Door::Usage) {
            return true;
        }
        if is_reply(&delivery.ticket.properties) {
            self.discarded.add(OWN_REPLY.into());
            return false;
        }
        let letters = self.waiting.load(Relaxed) + self.added.fetch_add(1, SeqCst);
        if letters < MOST_LETTERS {
            return true;
        }
        self.discarded.add(TOO_MANY_LETTERS.into());
        if !self.is_full.swap(true, SeqCst) {
            error!(
                alarm = true,
                letters, "too many dead letters wait, rejected usage messages are logged and not kept"
            );
        }
        false
    }

    /// Rejected messages that were not kept, by reason. Each reason is there from the beginning.
    pub const fn discarded(&self) -> &ByName {
        &self.discarded
    }
}

/// Whether a worker has sent it as a reply. An app can have its reply queue dead-letter into the usage exchange.
fn is_reply(properties: &BasicProperties) -> bool {
    header(properties, headers::REPLY).is_some()
}
