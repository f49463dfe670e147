//! What becomes of a delivery.

use std::borrow::Cow;

use super::Delivery;
use crate::dead::CutBody;

/// How often a delivery goes through the delay queue before it becomes a dead letter.
pub const MAX_ATTEMPTS: u32 = 3;

/// What becomes of a delivery.
#[derive(Debug)]
pub enum Settlement {
    /// It is done.
    Ack,
    /// It is tried again later.
    Delay(Delay),
    /// It is set aside for somebody to look at.
    Dead(Dead),
}

/// A delivery that is tried again later.
#[derive(Debug)]
pub struct Delay {
    /// How often it will have been delayed.
    pub attempt: u32,
    /// What went wrong.
    pub error: String,
}

/// A delivery that is set aside.
#[derive(Debug)]
pub struct Dead {
    /// Whether the message is no command at all.
    pub is_rejection: bool,
    /// Why, as a code: a rejection's code, `unapplied:{code}` or `poison`.
    pub reason: Cow<'static, str>,
    /// Why, for people.
    pub error: String,
    /// The field that is wrong, where it is one.
    pub field: Option<String>,
    /// What the body was, where it is larger than any message may be and only its beginning is kept.
    pub cut: Option<CutBody>,
}

/// Where an answer is wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReplyTo {
    /// The queue.
    pub queue: String,
    /// What the asker recognises the answer by.
    pub correlation_id: Option<String>,
}

/// An answer.
#[derive(Debug)]
pub struct Reply {
    /// Where it goes.
    pub to: ReplyTo,
    /// What it says, as JSON.
    pub body: Vec<u8>,
}

/// A delivery with what becomes of it.
#[derive(Debug)]
pub struct Settled<T> {
    /// The delivery.
    pub delivery: Delivery<T>,
    /// What becomes of it.
    pub settlement: Settlement,
    /// What its sender is told.
    pub reply: Option<Reply>,
}
